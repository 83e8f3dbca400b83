"""What the pictures show: accounts, five weeks of tallies, jobs, evidence, a queue at work.  The same at each run."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.domain import quota
from accounts.models import Account, User
from tests.factories import make_account, make_key, make_staff
from tests.screens.customer import make_customer
from tests.verification.factories import NOW, give_verdict, make_job, make_list
from tests.verification.test_queue_health import batch, tell
from verification.engine.types import (
    Attempt,
    Blame,
    CatchAll,
    CatchAllState,
    Evidence,
    MailHostsOutcome,
    Meaning,
    Reason,
    Result,
    Stage,
    Trouble,
)
from verification.models import Check, DailyTally, Job, JobStatus, Organisation

NAMES = (
    *("Nordlicht Versand", "Ada & Söhne", "Blue Harbour Travel", "Kestrel Analytics", "Feldmann Gartenbau"),
    *("Orchard Lane Books", "Studio Mistral", "Halcyon Health", "Pinewood School", "Quartier Latin Events"),
    *("Rivage Immobilier", "Sundial Software"),
)
KINDS = {  # share of a day's checks, by result, reason and blame
    ("Ok", "Success", "none"): 71,
    ("Bad", "MailboxDoesNotExist", "address"): 12,
    ("Bad", "DomainIsInexistent", "address"): 4,
    ("Unverifiable", "ServerIsCatchAll", "their_policy"): 8,
    ("Unverifiable", "GreyListing", "their_policy"): 3,
    ("RetryLater", "TransientNetworkFault", "their_outage"): 2,
}
PROVIDERS = {"": 36, "Google": 30, "Microsoft": 21, "Yahoo": 6, "GMX": 4, "Apple": 3}


@dataclass(frozen=True)
class Made:
    """Sessions of staff and of a customer, and the pages to look at by the names of their pictures."""

    session: str
    pages: dict[str, str]
    customer: str
    pages_of_customer: dict[str, str]


def make_rows() -> Made:
    lot = random.Random(7)
    staff = make_staff("robin@candour.example")
    accounts = [_account(name, staff, lot) for name in NAMES]
    _tallies(lot)
    _work(accounts)
    check = _evidence(accounts[0])
    customer, pages_of_customer = make_customer(accounts[0], KINDS)
    client = Client()
    client.force_login(staff)
    pages = {
        "staff-start": reverse("admin:index"),
        "staff-queue": reverse("admin:queue"),
        "staff-check": reverse("admin:verification_check_change", args=[check.pk]),
    }
    return Made(client.cookies["sessionid"].value, pages, customer, pages_of_customer)


def _account(name: str, staff: User, lot: random.Random) -> Account:
    granted = lot.choice([10_000, 50_000, 250_000])
    account = make_account(name, monthly_quota=granted)
    make_key(account)
    used = int(granted * lot.uniform(0.1, 0.98))
    quota.reserve(account_id=account.pk, amount=used, reference=f"job:{account.pk}")
    quota.settle(reference=f"job:{account.pk}", used=used, released=0, entry=f"batch:{account.pk}:1")
    if lot.random() < 0.4:
        quota.grant(account=account, amount=5_000, actor=staff, reason="came with the yearly plan")
    return account


def _tallies(lot: random.Random) -> None:
    today = timezone.now().date()
    rows = []
    for ago in range(35):
        day = today - timedelta(days=ago)
        total = int(lot.uniform(30_000, 52_000) * (0.3 if day.weekday() > 4 else 1))
        for (result, reason, blame), share in KINDS.items():
            for provider, part in PROVIDERS.items():
                undecided = result in ("Unverifiable", "RetryLater")
                weight = {"Yahoo": 4.0, "Microsoft": 1.6, "Google": 0.3}.get(provider, 1.0) if undecided else 1.0
                count = int(total * share * part * weight * lot.uniform(0.8, 1.2) / 10_000)
                rows.append(
                    DailyTally(
                        day=day, source="job", result=result, reason=reason, blame=blame, provider=provider, count=count
                    )
                )
    DailyTally.objects.bulk_create(rows)


def _evidence(account: Account) -> Check:
    """Give a check that two mail hosts were asked for."""
    check = make_job(["jane.doe@quartier.example"], account=account).checks.get()
    silent = Attempt(Stage.CONNECT, "mx1.quartier.example", "192.0.2.10", "198.51.100.7", trouble=Trouble.TIMEOUT)
    refused = Attempt(
        Stage.RCPT,
        "mx2.quartier.example",
        "192.0.2.11",
        "198.51.100.7",
        550,
        "5.1.1",
        "<jane.doe@quartier.example>: Recipient address rejected: User unknown in virtual mailbox table",
        meaning=Meaning.NO_MAILBOX,
        milliseconds=184,
    )
    evidence = Evidence(
        mail_hosts=MailHostsOutcome.FOUND,
        mail_hosts_detail="MX 10 mx1.quartier.example",
        attempts=(replace(silent, milliseconds=20_004), refused),
        catch_all=CatchAll(CatchAllState.NO, int(NOW.timestamp()), "mx2.quartier.example"),
    )
    give_verdict(check, Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS, evidence=evidence.as_dict())
    return check


def _work(accounts: list[Account]) -> None:
    for number, account in enumerate(accounts[:4]):
        rows = "\n".join(f"person{n}@ok.test" for n in range(40))
        job = make_list(f"email\n{rows}\n", account=account)
        Job.objects.filter(pk=job.pk).update(name=f"Autumn letter {number + 1}", status=JobStatus.RUNNING)
        job.refresh_from_db()
        for seconds in (2, 8, 15, 40)[: number + 1]:
            batch(job, seconds)
        batch(job, 5, lease_seconds=600)
        batch(job, -900)
    for name, minutes, backoffs in (("bigmail.example", 22, 3), ("letters.example", 4, 1)):
        Organisation.objects.create(name=name, backoff_until=Now() + timedelta(minutes=minutes), backoffs=backoffs)
    Organisation.objects.create(name="slow-host.example", paused_at=Now())
    tell("worker-1", seconds=600)
    tell("worker-2", seconds=600)
