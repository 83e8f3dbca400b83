"""What the pictures of customers' pages show: an account with some weeks behind it.  The same at each run."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account, LicenseKey, User
from tests.factories import make_key
from tests.verification.factories import finish, give_verdict, make_list, make_upload, owner_of
from verification.domain.webhooks import endpoints
from verification.engine import scenarios
from verification.models import Check, DailyTally, DeliveryState, Job, JobStatus, WebhookDelivery

FIRST = ("jane", "omar", "lena", "tom", "aiko", "ravi", "nina", "paul", "zoe", "ben")
LAST = ("doe", "berg", "costa", "singh", "moreau", "tanaka", "novak", "haas")
CITIES = ("Lyon", "Graz", "Porto", "Turku", "Ghent")
SHARES = {  # of a list's rows, by the domain that plays the verdict
    "ok.test": 58,
    "catchall.test": 9,
    "nxdomain.test": 5,
    "nullmx.test": 3,
    "greylist.test": 4,
    "broken.test": 3,
    "dea.test": 2,
    "trap.test": 1,
    "mute.test": 3,
}
PROVIDERS = {"google": 34, "microsoft-365": 24, "": 22, "gmx": 9, "icloud": 7, "t-online": 4}
ROWS = 400


def make_customer(account: Account, kinds: dict[tuple[str, str, str], int]) -> tuple[str, dict[str, str]]:
    """Fill an account; gives its owner's session, and pages by the names of their pictures."""
    lot = random.Random(11)
    owner = owner_of(account)
    User.objects.filter(pk=owner.pk).update(email="jana@nordlicht.example", name="Jana Winter")
    _days(account, kinds, lot)
    newest = _list(account, "Newsletter October.csv", lot)
    refused = newest.checks.filter(address__startswith="missing", verdict__isnull=False).earliest("position")
    _running(account, lot)
    upload = make_upload(_text(lot, 60), account=account, filename="Trade fair Hamburg.csv")
    checks = [_single(account, address) for address in ("omar.haas@ok.test", "info@catchall.test", "missing@ok.test")]
    _webhook(account, owner, newest)
    client = Client()
    client.force_login(owner)
    slug = account.slug
    return client.cookies["sessionid"].value, {
        "dashboard": reverse("dashboard", args=[slug]),
        "upload": reverse("upload", args=[slug, upload.pk]),
        "job": reverse("job", args=[slug, newest.pk]),
        "row*": reverse("job_row", args=[slug, newest.pk, refused.position + 1]),
        "check": reverse("check", args=[slug, checks[1].pk]),
        "usage": reverse("quota", args=[slug]),
        "webhooks": reverse("webhooks", args=[slug]),
    }


def _text(lot: random.Random, rows: int) -> str:
    lines = ["email,name,city"]
    for _ in range(rows):
        first, last = lot.choice(FIRST), lot.choice(LAST)
        domain = lot.choices(list(SHARES), list(SHARES.values()))[0]
        gone = "missing." if domain == "ok.test" and lot.random() < 0.14 else ""
        lines.append(
            f"{gone}{first}.{last}{lot.randint(1, 999)}@{domain},{first.title()} {last.title()},{lot.choice(CITIES)}"
        )
    lines[rows // 2] = "no-at-sign.example,Nobody,Lyon"
    return "\n".join(lines) + "\n"


def _list(account: Account, name: str, lot: random.Random) -> Job:
    """Give a list whose rows have the verdicts of the table of scenarios."""
    job = make_list(_text(lot, ROWS), account=account)
    Job.objects.filter(pk=job.pk).update(name=name, created_at=Now() - timedelta(hours=2))
    for check in job.checks.filter(verdict=None):
        provider = lot.choices(list(PROVIDERS), list(PROVIDERS.values()))[0]
        _judge(check, provider if check.domain in ("ok.test", "catchall.test") else "")
    return finish(job)


def _judge(check: Check, provider: str = "") -> None:
    answer = scenarios.answer(check.address)
    verdict = answer.verdict
    evidence = replace(answer.evidence, provider=provider).as_dict()
    give_verdict(check, verdict.result, verdict.reason, verdict.blame, evidence=evidence)


def _running(account: Account, lot: random.Random) -> None:
    job = make_list(_text(lot, 120), account=account)
    Job.objects.filter(pk=job.pk).update(
        name="Customers of the shop.csv", status=JobStatus.RUNNING, created_at=Now() - timedelta(minutes=3)
    )
    for check in job.checks.filter(verdict=None)[:70]:
        _judge(check)


def _single(account: Account, address: str) -> Check:
    check = Check.objects.create(account=account, address=address, domain=address.partition("@")[2])
    _judge(check)
    return check


def _days(account: Account, kinds: dict[tuple[str, str, str], int], lot: random.Random) -> None:
    key, _ = make_key(account)
    LicenseKey.objects.filter(pk=key.pk).update(name="Shop, nightly")
    today = timezone.now().date()
    rows = []
    for ago in range(1, 30):
        day = today - timedelta(days=ago)
        total = int(lot.uniform(700, 1_500) * (0.3 if day.weekday() > 4 else 1))
        for (result, reason, blame), share in kinds.items():
            for provider, part in PROVIDERS.items():
                count = total * share * part // 10_000
                row = DailyTally(account=account, day=day, provider=provider, count=count, charged=count)
                row.key_id = key.pk if provider == "google" else None
                row.source, row.result, row.reason, row.blame = ("job", result, reason, blame)
                rows.append(row)
    DailyTally.objects.bulk_create(rows)


def _webhook(account: Account, owner: User, job: Job) -> None:
    hook, _ = endpoints.create(
        account=account, url="https://hooks.nordlicht.example/candour", description="Our CRM", actor=owner
    )
    endpoints.create(account=account, url="https://log.nordlicht.example/mail", events=["PROCESSED"], actor=owner)
    for number, event in enumerate(job.events.order_by("-last_seq")[:4]):
        told = {"at": f"{timezone.now():%Y-%m-%dT%H:%M:%SZ}", "status": 204, "error": "", "ms": 84 + 31 * number}
        WebhookDelivery.objects.create(
            endpoint=hook,
            event=event,
            first_seq=event.last_seq,
            last_seq=event.last_seq,
            state=DeliveryState.DELIVERED,
            tries=1,
            log=[told],
        )
