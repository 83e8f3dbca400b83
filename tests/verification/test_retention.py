from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from accounts.domain import quota
from accounts.models import Account, AccountConfig, AuditEntry, LedgerEntry, QuotaPeriod
from tests.factories import make_account, make_key
from tests.verification.factories import finish, give_verdict, make_job, make_list, make_upload, owner_of
from verification.domain import jobs, retention
from verification.domain.sweeper import Sweeper
from verification.models import (
    Batch,
    Check,
    CheckResult,
    DailyTally,
    Event,
    Job,
    JobStatus,
    KnownMailbox,
    Tally,
    Upload,
)

pytestmark = pytest.mark.django_db
ROWS = (Job, Check, CheckResult, KnownMailbox, Event, Tally, Batch, Upload)


@pytest.fixture(autouse=True)
def uploads(settings: Settings, tmp_path: Path) -> Path:
    settings.UPLOADS = tmp_path
    return tmp_path


def ended(days_ago: float, *, account: Account | None = None) -> Job:
    """Give a list of three rows with verdicts, which ended so many days ago."""
    job = finish(make_list("email\njane@ok.test\njoe@ok.test\nnobody\n", account=account))
    Job.objects.filter(pk=job.pk).update(finished_at=Now() - timedelta(days=days_ago))
    for number, check in enumerate(job.checks.all()):
        digest = f"{job.pk}{number}".encode()[-32:]
        KnownMailbox.objects.create(account=job.account, digest=digest, check_row=check, checked_at=job.created_at)
    return job


def called(days_ago: float, *, account: Account | None = None) -> Check:
    """Give a single check with its verdict, made so many days ago."""
    check = Check.objects.create(account=account or make_account(), address="jane@ok.test", domain="ok.test")
    Check.objects.filter(pk=check.pk).update(created_at=Now() - timedelta(days=days_ago))
    give_verdict(check)
    return check


def sweep() -> None:
    sweeper = Sweeper()
    for _ in range(3):
        sweeper.has_old = True
        sweeper.delete_old()


def left() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in ROWS}


def test_what_ended_longer_ago_than_its_days_is_gone() -> None:
    job = ended(30.1)
    sweep()
    assert left() == {model.__name__: 0 for model in ROWS}
    entry = AuditEntry.objects.get(action="job.deleted")
    assert (entry.actor_label, entry.object_id, entry.object_label) == ("system", str(job.pk), f"job {job.pk}")
    assert (entry.account_id, entry.reason, entry.before) == (
        *(job.account_id, "kept for 30 days"),
        {"rows": 3, "source": "upload"},
    )


def test_what_is_within_its_days_stays() -> None:
    ended(29.9)
    before = left()
    sweep()
    assert left() == before


def test_days_are_those_of_the_accounts_own_row() -> None:
    short, long = make_account(retention_days=7), make_account(retention_days=60)
    AccountConfig.objects.create(account=long, sending_domain="news.example", retention_days=1)
    gone, kept = ended(8, account=short), ended(59, account=long)
    without = ended(31, account=make_account())
    without.account.configs.all().delete()
    sweep()
    assert list(Job.objects.values_list("pk", flat=True)) == [kept.pk]
    assert {gone.pk, without.pk} & set(Check.objects.values_list("job_id", flat=True)) == set()


def test_days_beyond_all_reason_do_no_harm() -> None:
    kept = ended(400, account=make_account(retention_days=2**31 - 1))
    sweep()
    assert Job.objects.get() == kept


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.PAUSED])
def test_what_never_ended_is_cancelled_and_gone(status: JobStatus) -> None:
    job = make_job(["jane@ok.test", "joe@ok.test"])
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(days=31), status=status)
    sweep()
    assert left() == {model.__name__: 0 for model in ROWS}
    assert QuotaPeriod.objects.get(account=job.account).reserved == 0


@pytest.mark.django_db(transaction=True)
def test_a_list_goes_with_its_file(uploads: Path) -> None:
    """Also one whose reader died before the file was deleted."""
    job = ended(31)
    assert job.upload is not None
    job.upload.path.write_text("email\njane@ok.test\n")
    sweep()
    assert list(uploads.iterdir()) == []


def test_single_checks_go_by_their_own_age() -> None:
    account = make_account(retention_days=7)
    called(7.1, account=account)
    kept = [called(6.9, account=account), called(29), called(0)]
    called(31)
    sweep()
    assert list(Check.objects.order_by("pk")) == kept
    entry = AuditEntry.objects.get(action="calls.deleted")
    assert (entry.actor_label, entry.account_id, entry.before) == ("system", None, {"rows": 2, "accounts": 2})


def test_ledger_and_tallies_stay() -> None:
    job = ended(31)
    quota.settle(reference=f"job:{job.pk}", used=2, released=0, entry="x")
    counted = {"source": "job", "result": "Ok", "reason": "Success", "blame": "none", "count": 2}
    DailyTally.objects.create(account=job.account, day="2026-01-01", **counted)
    before = list(LedgerEntry.objects.order_by("pk").values()), list(DailyTally.objects.values())
    sweep()
    assert not Check.objects.exists()
    assert (list(LedgerEntry.objects.order_by("pk").values()), list(DailyTally.objects.values())) == before
    assert QuotaPeriod.objects.get(account=job.account).used == 2


@pytest.mark.usefixtures("plain_files")
def test_it_goes_in_blocks_and_nobody_sees_what_is_left(monkeypatch: pytest.MonkeyPatch, client: Client) -> None:
    monkeypatch.setattr(retention, "BLOCK_ROWS", 2)
    job = ended(31)
    _, secret = make_key(job.account)
    assert retention.delete_old_jobs() == 1
    assert retention.delete_block()
    assert (Check.objects.count(), CheckResult.objects.count(), KnownMailbox.objects.count()) == (1, 1, 1)

    client.force_login(owner_of(job.account))
    assert client.get(reverse("job", args=[job.account.slug, job.pk])).status_code == 404
    assert job.name not in client.get(reverse("lists", args=[job.account.slug])).content.decode()
    call = f"/api/v1/jobs/{job.pk}/results"
    assert client.get(call, headers={"authorization": f"Bearer {secret}"}).status_code == 404

    while retention.delete_block():
        pass
    assert left() == {model.__name__: 0 for model in ROWS}


def test_a_block_is_few_statements_whatever_its_size() -> None:
    for rows in (1, 3):
        job = finish(make_job([f"user{n}@ok.test" for n in range(rows)]))
        jobs.delete(job=job, actor=None)
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            assert retention.delete_block()
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_what_somebody_deletes_goes_at_once() -> None:
    job = make_job(["jane@ok.test"])
    owner = owner_of(job.account)
    jobs.delete(job=job, actor=owner)
    jobs.delete(job=job, actor=owner)  # a second time does nothing
    Sweeper().delete_old()
    assert left() == {model.__name__: 0 for model in ROWS}
    entry = AuditEntry.objects.get(action="job.deleted")
    assert (entry.actor, entry.reason) == (owner, "")


def test_uploads_that_wait_to_be_started_are_not_touched() -> None:
    waiting = make_upload()
    sweep()
    assert Upload.objects.get() == waiting
    assert waiting.path.exists()


def test_a_deleted_job_has_ended() -> None:
    job = make_job(["jane@ok.test"])
    with pytest.raises(IntegrityError, match="job_ends_before_it_goes"):
        Job.objects.filter(pk=job.pk).update(deleted_at=Now())
