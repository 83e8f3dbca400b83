"""One row of every model that the admin shows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone
from django_q.models import Task

from accounts.domain import audit, outbox, quota
from accounts.domain.audit import Action
from accounts.models import Account, FeatureRequest, PublicText, QuotaNotice, User
from tests.factories import make_account, make_invitation, make_key, make_staff
from tests.verification.factories import give_verdict, make_domain, make_file, make_job, make_list
from verification.domain.webhooks import endpoints
from verification.models import (
    Batch,
    DailyTally,
    DomainFact,
    DoNotProbe,
    Erasure,
    Event,
    EventType,
    Finding,
    Job,
    KnownMailbox,
    Organisation,
    PacingGrant,
    Suppression,
)

EVIDENCE: dict[str, object] = {"says": "550 <script>alert(1)</script>", "hosts": ["mx.ok.test"]}


def make_rows(staff: User | None = None) -> Account:
    """Give an account with a key, a list, a job by API, verdicts and ledger entries."""
    staff = staff or make_staff()
    account = make_account(monthly_quota=100)
    key, _ = make_key(account)
    make_invitation(account)
    quota.grant(account=account, amount=5, actor=staff, reason="a gift")
    make_list("email\njane@ok.test\njoe@ok.test\n", account=account)
    job = make_job(["jim@ok.test", "jon@ok.test"], key=key)
    for number, check in enumerate(job.checks.all()):
        verdict = give_verdict(check, evidence=EVIDENCE)
        KnownMailbox.objects.create(
            account=account, digest=bytes([number]), check_row=check, checked_at=verdict.checked_at
        )
    make_domain(f"{account.slug}.example", account=account)
    make_file(job)
    _make_work(job)
    _make_pacing(account)
    _make_failure()
    UserSession.objects.create(user=staff, ip="192.0.2.7", user_agent="Firefox", session_key=uuid4().hex)
    DailyTally.objects.create(
        account=account, key=key, day="2026-11-22", source="live", result="Ok", reason="Success", blame="none", count=3
    )
    audit.record(action=Action.QUOTA_GRANTED, actor=staff, target=account, after={"amount": 5})
    LogEntry.objects.log_actions(staff.pk, [account], CHANGE, "Granted.", single_object=True)
    Group.objects.get_or_create(name="Support")
    DoNotProbe.objects.create(name=f"{account.slug}.example", reason="asked us", added_by=staff)
    Suppression.objects.create(mailbox=f"no@{account.slug}.example", kind="hand", source="staff", reason="asked us")
    endpoints.send_test(
        endpoint=endpoints.create(account=account, url="https://hooks.example.com/secret", actor=None)[0]
    )
    Finding.objects.create(
        machine=account.slug[:16], host="here", subject="disk", state="ok", checked_at=timezone.now()
    )
    Erasure.objects.create(account=account, digest=bytes(32), requested_by=staff, key=key, done_at=timezone.now())
    period = account.quota_periods.get()
    QuotaNotice.objects.create(account=account, period=period, share=10, left=9, full=100)
    PublicText.objects.get_or_create(kind="terms", defaults={"text": "# Terms"})
    outbox.tell_managers(account=account, name="job_done", reference="job:1")
    FeatureRequest.objects.create(account=account, feature="antivirus", requested_by=staff, created_at=timezone.now())
    return account


def _make_work(job: Job) -> None:
    numbers = list(job.checks.values_list("pk", flat=True))
    Batch.objects.create(job=job, account=job.account, check_ids=numbers, due_at=timezone.now())
    if not Event.objects.filter(job=job).exists():
        Event.objects.create(job=job, account=job.account, type=EventType.VERIFIED, first_seq=1, last_seq=2)


def _make_pacing(account: Account) -> None:
    DomainFact.objects.create(domain=f"{account.slug}.test", catch_all="no", probed_at=timezone.now())
    organisation = Organisation.objects.create(name=f"{account.slug}.test", backoff_until=timezone.now())
    for live in (True, False):
        PacingGrant.objects.create(
            organisation=organisation, holder=uuid4(), live=live, slots=1, until=timezone.now() + timedelta(seconds=30)
        )


def _make_failure() -> None:
    now = timezone.now()
    Task.objects.create(
        id=uuid4().hex, func="verification.tasks.run_drain", started=now, stopped=now, success=False, result="<b>no</b>"
    )


def change_url(row: Any) -> str:  # Any: a model's instance
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
