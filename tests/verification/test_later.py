"""Rows that are tried again: greylisted and transient ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from django.db import connection
from psycopg import AsyncConnection
from pytest_django import Settings

from accounts.models import KeyKind, QuotaPeriod, Reservation
from tests.factories import make_account, make_key
from tests.verification.books import assert_books_agree
from tests.verification.factories import make_job
from verification.domain import drain, jobs, later
from verification.domain.claims import Order
from verification.domain.database import connection_kwargs
from verification.domain.outlook import outlook
from verification.engine import Answer, scenarios
from verification.models import Batch, CheckResult, Job, JobStatus

pytestmark = pytest.mark.django_db(transaction=True)
GREY, BUSY, GOOD = "jane@greylist.test", "jane@busy.test", "jane@ok.test"


@pytest.fixture(autouse=True)
def schedule(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    settings.RETRY_MINUTES = []
    settings.PROBE_SENDER = "probe@first.example"
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(drain, "FLUSH_SECONDS", 0.05)


def work_off(verdicts: dict[str, str] | None = None) -> list[Order]:
    """Run a drain; `verdicts` maps an address to the one whose answer it gets.  Gives the orders it had."""
    orders = []

    async def probe(address: str, order: Order) -> Answer:
        orders.append(order)
        return scenarios.answer((verdicts or {}).get(address, address))

    async def go() -> None:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            await drain.Drain(own, probe).run()

    asyncio.run(go())
    return orders


def pass_time(minutes: float) -> None:
    """Set all of the rows' times back."""
    with connection.cursor() as cursor:
        span = [f"{minutes} minutes"]
        cursor.execute("UPDATE verification_batch SET due_at = due_at - %s::interval", span)
        cursor.execute("UPDATE verification_batch SET first_tried_at = first_tried_at - %s::interval", span)
        cursor.execute("UPDATE verification_job SET started_at = started_at - %s::interval", span)


def minutes_to_wait() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT round(extract(epoch FROM due_at - now()) / 60) FROM verification_batch")
        return float(cursor.fetchone()[0])


def test_a_greylisted_row_waits_and_the_rest_is_done() -> None:
    job = make_job([GREY, GOOD, BUSY])

    work_off()

    rows = CheckResult.objects.order_by("check_row__position").values_list("result", "reason", "final", "charged")
    assert list(rows) == [
        ("Unverifiable", "GreyListing", False, False),
        ("Ok", "Success", True, True),
        ("RetryLater", "TransientNetworkFault", False, False),
    ]
    job.refresh_from_db()
    assert (job.status, job.decided, job.waiting) == (JobStatus.RUNNING, 1, 2)
    assert minutes_to_wait() == 5
    assert outlook(job=job).next_try_at == Batch.objects.get().due_at
    assert list(job.events.order_by("first_seq").values_list("type", "last_seq")) == [
        ("STARTED", 1),
        ("VERIFIED", 2),
        ("DEFERRED", 4),
    ]
    assert_books_agree(job)


def test_a_row_that_passes_later_is_final_and_charged_once() -> None:
    job = make_job([GREY])
    work_off()
    pass_time(5)

    work_off({GREY: GOOD})

    row = CheckResult.objects.get()
    assert (row.result, row.final, row.charged) == ("Ok", True, True)
    job.refresh_from_db()
    assert (job.status, job.decided) == (JobStatus.FINISHED, 1)
    assert QuotaPeriod.objects.get(account=job.account).used == 1
    assert not Batch.objects.exists()
    assert_books_agree(job)


def test_tries_lie_5_15_30_60_minutes_apart_then_hourly_until_4_hours() -> None:
    job = make_job([GREY])
    waits = []
    while Job.objects.get(pk=job.pk).status == JobStatus.RUNNING:
        work_off()
        if Batch.objects.exists():
            waits.append(minutes_to_wait())
            pass_time(waits[-1])

    assert waits == [5, 15, 30, 60, 60, 60, 10]
    row = CheckResult.objects.get()
    assert (row.reason, row.final, row.charged) == ("GreyListing", True, True)
    assert_books_agree(job)


def test_a_job_ends_after_its_hours_at_the_latest(settings: Settings) -> None:
    settings.JOB_HOURS = 0.5
    job = make_job([BUSY])
    work_off()
    pass_time(5)
    work_off()
    pass_time(15)
    work_off()
    assert minutes_to_wait() == 10
    pass_time(10)

    work_off()

    job.refresh_from_db()
    assert (job.status, job.undecided) == (JobStatus.FINISHED, 1)
    assert Reservation.objects.get().open == 0
    assert_books_agree(job)


def test_later_tries_come_from_the_same_sender(settings: Settings) -> None:
    make_job([GREY])
    work_off()
    settings.PROBE_SENDER = "probe@second.example"
    pass_time(5)

    (order,) = work_off()

    assert order.options.mail_from == "probe@first.example"


def test_retry_minutes_replace_the_schedule(settings: Settings) -> None:
    settings.RETRY_MINUTES = [1.0, 2.0]

    assert [later.minutes_until_next(tries) for tries in (1, 2, 3)] == [1.0, 2.0, None]


@pytest.mark.parametrize("why", ["switched off", "sandbox"])
def test_some_rows_are_final_at_once(why: str) -> None:
    if why == "sandbox":
        job = make_job([GREY], key=make_key(kind=KeyKind.SANDBOX)[0])
    else:
        job = make_job([GREY], account=make_account(greylist_retry=False))

    work_off()

    job.refresh_from_db()
    assert (job.status, CheckResult.objects.get().final) == (JobStatus.FINISHED, True)


def test_cancelling_keeps_the_present_verdict_and_frees_the_rest() -> None:
    job = make_job([GREY, GOOD])
    work_off()

    jobs.cancel(job=job)

    job.refresh_from_db()
    assert (job.status, job.decided, job.cancelled) == (JobStatus.CANCELLED, 1, 1)
    assert QuotaPeriod.objects.get(account=job.account).used == 1
    assert_books_agree(job)


def test_a_job_with_untried_rows_is_not_complete() -> None:
    job = make_job([GOOD])

    assert outlook(job=job).next_try_at is None
