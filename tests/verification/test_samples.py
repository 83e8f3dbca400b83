"""The free sample of a list that is held: asked by the drain beside batches that wait, and never charged."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.domain import quota
from accounts.models import Account, AccountConfig, Reservation
from tests.factories import make_account
from tests.verification.books import assert_books_agree
from tests.verification.factories import hold_list, owner_of
from tests.verification.test_drain import expire_all, run_dir, work_off
from verification.domain import drain, erasures, flush, samples, starting, sweeper
from verification.domain.held import HELD_UNTIL
from verification.domain.intake import AccountInactive
from verification.domain.samples import SampleRefused, wilson
from verification.domain.slots import Slot, is_silent
from verification.domain.starting import Options
from verification.engine.types import Result
from verification.models import Batch, CheckResult, Job, JobStatus, KnownMailbox, Sample

__all__ = ["run_dir"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _uploads(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOADS = tmp_path


def held(rows: int, *, account: Account | None = None, domain: str = "ok.test") -> Job:
    """Hold a list of so many addresses, and two rows that cost nothing."""
    emails = "".join(f"user{number}@{domain}\n" for number in range(rows))
    return hold_list(f"email\n{emails}nobody\nuser0@{domain}\n", account=account)


def start(job: Job) -> bool:
    return starting.start(job=job, user=owner_of(job.account), options=Options(max_age=0))


def test_a_sample_is_asked_and_costs_nothing() -> None:
    account = make_account(monthly_quota=10)
    job = held(6, account=account)
    samples.take(job=job)
    samples.take(job=job)
    assert (Batch.objects.filter(due_at__lt=HELD_UNTIL).count(), Sample.objects.get().rows) == (1, 3)
    assert is_silent(Slot.MAIN)

    work_off()

    job.refresh_from_db()
    assert (job.status, job.decided, job.waiting, job.sample_rows) == (JobStatus.READY, 3, 3, 3)
    assert Counter(CheckResult.objects.values_list("result", "charged")) == {("Ok", False): 3, ("Bad", False): 1}
    assert (quota.left(account_id=account.pk), Reservation.objects.count()) == (10, 0)
    assert KnownMailbox.objects.count() == 3  # as of any check, they may answer again
    assert_books_agree(job)
    found = samples.findings(job=job, malformed=1)
    assert (found.rows, found.answered, found.whole, found.is_asking) == (3, 3, 6, False)
    assert [(part.result, part.count) for part in found.parts] == [
        (result, 3 if result == Result.OK else 0) for result in Result
    ]


def test_its_rows_are_not_asked_again_and_stay_free() -> None:
    job = held(6)
    samples.take(job=job)
    work_off()
    before = set(CheckResult.objects.values_list("pk", "checked_at"))

    assert start(job)
    assert Reservation.objects.get().open == 3
    work_off()

    job.refresh_from_db()
    assert (job.status, job.decided) == (JobStatus.FINISHED, 6)
    assert before <= set(CheckResult.objects.values_list("pk", "checked_at"))
    assert (Reservation.objects.get().settled, Batch.objects.count()) == (3, 0)
    assert_books_agree(job)


def test_a_start_takes_over_what_the_sample_has_not_answered() -> None:
    job = held(4)
    samples.take(job=job)

    assert start(job)
    assert (Reservation.objects.get().open, Batch.objects.count()) == (4, 1)  # not asked twice
    work_off()

    job.refresh_from_db()
    assert (job.status, Reservation.objects.get().settled) == (JobStatus.FINISHED, 4)
    assert_books_agree(job)


def test_what_a_drain_brings_after_the_start_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    job = held(4)
    samples.take(job=job)

    async def late(*arguments: object, **names: object) -> object:
        await asyncio.to_thread(start_elsewhere, job)
        return await flush.flush(*arguments, **names)  # type: ignore[arg-type]

    monkeypatch.setattr(drain, "flush", late)
    work_off()

    job.refresh_from_db()
    assert (job.status, job.decided, Reservation.objects.get().settled) == (JobStatus.FINISHED, 4, 4)
    assert_books_agree(job)


def start_elsewhere(job: Job) -> None:
    start(job)
    connection.close()


def test_greylisted_rows_of_a_sample_are_asked_again_later() -> None:
    job = held(4, domain="greylist.test")
    samples.take(job=job)

    work_off()

    job.refresh_from_db()
    found = samples.findings(job=job, malformed=1)
    assert (job.status, job.waiting, found.is_asking, found.open) == (JobStatus.READY, 4, False, 2)
    assert Batch.objects.get(due_at__lt=HELD_UNTIL).tries == 1
    assert CheckResult.objects.filter(final=False).count() == 2
    assert_books_agree(job)


def test_a_row_of_a_sample_that_kills_its_worker_is_put_aside() -> None:
    job = held(2)
    samples.take(job=job)
    Batch.objects.filter(due_at__lt=HELD_UNTIL).update(alone=True, attempts=sweeper.PUT_ASIDE_ATTEMPTS)

    sweeper.put_aside_poison()
    expire_all()

    job.refresh_from_db()
    assert (job.undecided, job.waiting, job.status) == (1, 1, JobStatus.READY)
    assert_books_agree(job)


def test_a_sampled_list_is_thrown_away() -> None:
    job = held(4)
    samples.take(job=job)

    starting.throw_away(job=job, actor=owner_of(job.account))

    assert (Batch.objects.count(), Job.objects.filter(deleted_at=None).count(), Sample.objects.count()) == (0, 0, 1)
    with pytest.raises(SampleRefused):
        samples.take(job=job)


def test_a_person_who_is_erased_leaves_the_sample_too() -> None:
    job = held(2)
    samples.take(job=job)
    for number in range(2):
        erasures.ask(account=job.account, email=f"user{number}@ok.test", actor=owner_of(job.account))
    looking = sweeper.Sweeper()
    looking.erase()
    looking.erase()

    work_off()

    job.refresh_from_db()
    assert (job.status, job.waiting, job.cancelled, Batch.objects.count()) == (JobStatus.READY, 0, 2, 0)
    assert_books_agree(job)


def test_a_list_of_one_is_too_short() -> None:
    with pytest.raises(SampleRefused, match="too short for a sample"):
        samples.take(job=held(1))


def test_a_list_that_was_started_has_no_sample() -> None:
    job = held(2)
    start(job)

    with pytest.raises(SampleRefused, match="does not wait to be started"):
        samples.take(job=job)


def test_there_are_so_many_a_day() -> None:
    account = make_account()
    for _ in range(samples.SAMPLES_A_DAY):
        Sample.objects.create(account=account, rows=100)
    job = held(2, account=account)
    with pytest.raises(SampleRefused, match="5 samples were taken within a day"):
        samples.take(job=job)
    samples.take(job=held(2))

    Sample.objects.filter(account=account).update(taken_at=Now() - timedelta(days=1, minutes=1))
    samples.take(job=job)

    Sample.objects.update(taken_at=Now() - timedelta(days=3))
    samples.forget()
    assert not Sample.objects.exists()


def test_a_suspended_account_takes_none() -> None:
    job = held(2)
    Account.objects.filter(pk=job.account_id).update(status=Account.Status.SUSPENDED)

    with pytest.raises(AccountInactive):
        samples.take(job=job)


def test_the_lot_falls_on_rows_of_all_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.domain.intake.BATCH_SIZE", 3)
    job = held(8)
    every = set(job.checks.taken().values_list("pk", flat=True))

    assert [len(batch.check_ids) for batch in Batch.objects.order_by("pk")] == [3, 3, 2]
    assert set(samples.by_lot(job, 8)) == every
    drawn = {tuple(samples.by_lot(job, 4)) for _ in range(20)}
    assert {len(set(each)) for each in drawn} == {4}
    assert len(drawn) > 1


@pytest.mark.parametrize(
    ("count", "rows", "low", "high"),
    [(71, 100, 0.6146, 0.7899), (0, 100, 0.0, 0.0370), (100, 100, 0.9630, 1.0), (5, 10, 0.2366, 0.7634)],
)
def test_intervals_are_wilsons(count: int, rows: int, low: float, high: float) -> None:
    assert [round(bound, 4) for bound in wilson(count, rows)] == [low, high]


def test_the_config_holds_for_the_sample() -> None:
    job = held(2, domain="greylist.test")
    AccountConfig.objects.filter(account=job.account).update(greylist_retry=False)
    samples.take(job=job)

    work_off()

    job.refresh_from_db()
    assert (job.undecided, job.status) == (1, JobStatus.READY)
