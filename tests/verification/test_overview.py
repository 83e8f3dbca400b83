from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.domain import quota
from accounts.models import Account
from tests.factories import make_account
from tests.verification.factories import make_job
from verification.domain import overview
from verification.domain.overview import Heavy, Share
from verification.engine.types import Result
from verification.models import Batch, DailyTally, Event, Job, JobStatus

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def tally(day: int, result: str, count: int, *, provider: str = "", account: Account | None = None) -> None:
    DailyTally.objects.create(
        account=account,
        day=date(2026, 11, day),
        source="job",
        result=result,
        reason="None",
        blame="none",
        provider=provider,
        count=count,
    )


def test_checks_are_counted_by_day_and_result() -> None:
    tally(20, "Ok", 5)
    tally(20, "Ok", 2, provider="Google")
    tally(22, "Unverifiable", 3)
    tally(22, "RetryLater", 1)
    tally(19, "Ok", 100)  # before
    tally(22, "Ok", 100, account=make_account())  # is in the sums of all accounts
    found = overview.checks_by_day(days=3, now=NOW)
    assert found.days == [date(2026, 11, day) for day in (20, 21, 22)]
    assert found.counts == {
        Result.OK: [7, 0, 0],
        Result.BAD: [0, 0, 0],
        Result.RETRY_LATER: [0, 0, 1],
        Result.UNVERIFIABLE: [0, 0, 3],
    }
    assert (found.total(0), found.undecided(0), found.total(-1), found.undecided(-1)) == (7, 0, 4, 4)


@pytest.mark.parametrize(("asked", "given"), [(-5, 1), (0, 1), (10**9, 90)])
def test_the_number_of_days_is_bounded(asked: int, given: int) -> None:
    assert len(overview.checks_by_day(days=asked, now=NOW).days) == given


def test_a_day_ends_at_midnight_utc() -> None:
    late = datetime.fromisoformat("2026-11-23T01:00:00+02:00")
    assert overview.checks_by_day(days=1, now=late).days == [date(2026, 11, 22)]


def test_undecided_by_provider() -> None:
    for provider, result, count in [
        ("Google", "Ok", 6),
        ("Google", "RetryLater", 2),
        ("", "Bad", 50),
        ("Yahoo", "Unverifiable", 9),
    ]:
        tally(22, result, count, provider=provider)
    tally(22, "Ok", 100, provider="Google", account=make_account())
    assert overview.undecided_by_provider(days=1, now=NOW) == [
        Share("", 50, 0),
        Share("Yahoo", 9, 9),
        Share("Google", 8, 2),
    ]


def test_providers_are_bounded() -> None:
    for number in range(overview.PROVIDERS + 2):
        tally(22, "Ok", 1 + number, provider=f"p{number}")
    assert len(overview.undecided_by_provider(days=1, now=NOW)) == overview.PROVIDERS


def test_sums_are_read_by_their_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {overview.BY_DAY}", {"start": date(2026, 11, 1), "end": date(2026, 11, 22)})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "daily_tally_once" in plan
    assert "Index Cond: ((COALESCE(account_id, '0'::bigint) = 0) AND (day >= " in plan


def test_top_accounts() -> None:
    for number in range(overview.TOP + 2):
        account = make_account(f"Account {number}", monthly_quota=100)
        quota.reserve(account_id=account.pk, amount=number, reference=f"job:{number}") if number else None
        quota.settle(reference=f"job:{number}", used=number, released=0, entry=f"b:{number}") if number else None
    found = overview.top_accounts()
    assert [(each.account.name, each.used, each.granted) for each in found] == [
        (f"Account {number}", number, 100) for number in range(overview.TOP + 1, 1, -1)
    ]
    assert isinstance(found[0], Heavy)


def test_top_accounts_are_found_among_present_periods_alone() -> None:
    with CaptureQueriesContext(connection) as queries:
        overview.top_accounts()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + queries[0]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "quota_period_by_end" in plan


def running_job(*, due_minutes: float = 20, moved_minutes: float | None = 20) -> Job:
    """Give a running job with work due for long, and a feed that has been silent for long."""
    job = make_job(["jane@ok.test"])
    Job.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING, name="Customers")
    Batch.objects.filter(job=job).update(due_at=timezone.now() - timedelta(minutes=due_minutes))
    Event.objects.filter(job=job).delete()
    if moved_minutes is not None:
        event = Event.objects.create(job=job, account=job.account, type="VERIFIED", first_seq=9, last_seq=9)
        Event.objects.filter(pk=event.pk).update(created_at=timezone.now() - timedelta(minutes=moved_minutes))
    return job


def stuck() -> list[str]:
    return [each.name for each in overview.stuck_jobs()]


@pytest.mark.parametrize("moved_minutes", [20, None])
def test_a_job_that_does_not_move_is_stuck(moved_minutes: float | None) -> None:
    job = running_job(moved_minutes=moved_minutes)
    (found,) = overview.stuck_jobs()
    assert (found.job_id, found.name, found.account) == (job.pk, "Customers", job.account.name)
    assert found.since == Batch.objects.get(job=job).due_at
    assert (found.moved_at is None) == (moved_minutes is None)


def test_a_job_is_not_stuck_that_moves_or_has_nothing_due() -> None:
    running_job(due_minutes=9)
    running_job(moved_minutes=9)
    assert stuck() == []


def test_a_job_is_not_stuck_while_somebody_is_at_it() -> None:
    job = running_job()
    (batch,) = Batch.objects.filter(job=job)
    leased = Batch(job=job, account=job.account, check_ids=[1], due_at=batch.due_at, token=uuid.uuid4())
    leased.lease_until = timezone.now() + timedelta(seconds=20)
    leased.save()
    assert stuck() == []
    Batch.objects.filter(pk=leased.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert stuck() == ["Customers"]


def test_a_job_is_not_stuck_that_nobody_is_to_work_on() -> None:
    paused, suspended = running_job(), running_job()
    Job.objects.filter(pk=paused.pk).update(status=JobStatus.PAUSED)
    Account.objects.filter(pk=suspended.account.pk).update(status=Account.Status.SUSPENDED)
    assert stuck() == []


def test_jobs_unended() -> None:
    paused = running_job()
    running_job()
    Job.objects.filter(pk=paused.pk).update(status=JobStatus.PAUSED)
    assert overview.jobs_unended() == 1
