from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg import AsyncConnection
from pytest_django import Settings

from accounts.domain import accounts
from accounts.models import KeyKind, LedgerEntry, LedgerKind, QuotaPeriod, Reservation
from tests.factories import make_account, make_key
from tests.verification.books import assert_books_agree
from tests.verification.factories import make_job
from verification.domain import claims, drain, flush, jobs, sweeper
from verification.domain.claims import Lease, Order
from verification.domain.database import connection_kwargs
from verification.domain.slots import Slot
from verification.engine import Answer, scenarios
from verification.models import Batch, CheckResult, EventType, Job, JobStatus

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def run_dir(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.RUN_DIR = tmp_path
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(drain, "FLUSH_SECONDS", 0.05)
    return tmp_path


async def from_table(address: str, order: Order) -> Answer:
    return scenarios.answer(address)


def work_off(probe: drain.Probe = from_table, slot: Slot = Slot.MAIN) -> bool:
    async def go() -> bool:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            return await drain.Drain(own, probe, slot).run()

    return asyncio.run(go())


def claim_one(*, alone: bool = False) -> list[Lease]:
    async def go() -> list[Lease]:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            return await claims.claim(own, limit=1, suspects=alone) or await claims.claim(own, limit=1, suspects=True)

    return asyncio.run(go())


def write(lease: Lease, job: Job, *, complete: bool = True) -> bool:
    async def go() -> bool:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            return await flush.flush(own, [flush.Part(lease, answered, complete)]) == {lease.id}

    answered = [flush.Answered(c.pk, scenarios.answer(c.address)) for c in job.checks.filter(pk__in=lease.check_ids)]
    return asyncio.run(go())


def expire_all() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE verification_batch SET lease_until = now() - interval '1 second' WHERE token IS NOT NULL"
        )
    sweeper.expire_leases()


def test_a_job_is_worked_off() -> None:
    account = make_account(greylist_retry=False)
    job = make_job(["jane@ok.test", "missing@ok.test", "jane@catchall.test", "jane@blocked.test"], account=account)

    work_off()

    rows = CheckResult.objects.order_by("check_row__position")
    assert [(r.result, r.reason, r.blame, r.charged) for r in rows] == [
        ("Ok", "Success", "none", True),
        ("Bad", "MailboxDoesNotExist", "address", True),
        ("Unverifiable", "ServerIsCatchAll", "their_policy", True),
        ("RetryLater", "TransientNetworkFault", "our_address", False),
    ]
    job.refresh_from_db()
    assert (job.status, job.decided, job.undecided, job.waiting) == (JobStatus.FINISHED, 2, 2, 0)
    assert not Batch.objects.exists()
    assert QuotaPeriod.objects.get(account=job.account).used == 3
    assert Reservation.objects.get(reference=f"job:{job.pk}").open == 0
    assert list(job.events.order_by("first_seq").values_list("type", "first_seq", "last_seq")) == [
        (EventType.STARTED, 1, 1),
        (EventType.VERIFIED, 2, 5),
        (EventType.PROCESSED, 6, 6),
    ]
    assert_books_agree(job)


def test_what_an_answer_says_of_the_address_is_kept() -> None:
    make_job(["Jane.Doe+x@gmail.com", "jane@gmial.com", "nobody"])

    async def probe(address: str, order: Order) -> Answer:
        return replace(scenarios.answer(address), did_you_mean="jane@gmail.com" if "gmial" in address else "")

    work_off(probe)

    rows = CheckResult.objects.order_by("check_row__position")
    assert list(rows.values_list("normalized", "did_you_mean")) == [
        ("janedoe@gmail.com", ""),
        ("jane@gmial.com", "jane@gmail.com"),
        ("", ""),
    ]


def test_a_sandbox_job_costs_nothing() -> None:
    job = make_job(["jane@ok.test"], key=make_key(kind=KeyKind.SANDBOX)[0])

    work_off()

    assert_books_agree(job)
    assert not QuotaPeriod.objects.filter(used__gt=0).exists()


def test_a_second_flush_of_the_same_answers_changes_nothing() -> None:
    job = make_job(["jane@ok.test", "joe@ok.test"])
    (lease,) = claim_one()
    assert write(lease, job, complete=False)
    assert write(lease, job)

    assert not write(lease, job)  # the batch is gone
    job.refresh_from_db()
    assert (job.decided, job.status) == (2, JobStatus.FINISHED)
    assert_books_agree(job)


def test_a_lost_lease_writes_nothing() -> None:
    job = make_job(["jane@ok.test"])
    (old,) = claim_one()
    expire_all()
    (new,) = claim_one()

    assert not write(old, job)
    assert CheckResult.objects.count() == 0
    assert write(new, job)
    assert_books_agree(job)


def test_batches_of_a_job_are_written_together_but_for_lost_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.domain.intake.BATCH_SIZE", 1)
    job = make_job(["a@ok.test", "b@ok.test", "jane@greylist.test", "z@ok.test"])
    addresses = dict(job.checks.values_list("pk", "address"))

    def part(lease: Lease) -> flush.Part:
        (check_id,) = lease.check_ids
        answered = [flush.Answered(check_id, scenarios.answer(addresses[check_id]))]
        return flush.Part(lease, answered, complete=addresses[check_id] != "z@ok.test", may_wait=True)

    async def go() -> tuple[list[Lease], set[int]]:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            leases = {addresses[lease.check_ids[0]]: lease for lease in await claims.claim(own, limit=4)}
            await claims.release(own, [leases["b@ok.test"]])
            kept = await flush.flush(own, [part(lease) for lease in leases.values()])
            return [leases[address] for address in ("a@ok.test", "jane@greylist.test", "z@ok.test")], kept

    ours, kept = asyncio.run(go())
    assert kept == {lease.id for lease in ours}
    results = CheckResult.objects.order_by("check_row__position").values_list("check_row__address", "final")
    assert list(results) == [("a@ok.test", True), ("jane@greylist.test", False), ("z@ok.test", True)]
    done, _, open_still = ours
    left = Batch.objects.order_by("check_ids__0").values_list("flushes", "tries", "token")
    assert list(left) == [(0, 0, None), (1, 1, None), (1, 0, open_still.token)]
    entries = LedgerEntry.objects.filter(kind=LedgerKind.SETTLE).values_list("reference", "amount")
    assert set(entries) == {(f"batch:{done.id}:0", 1), (f"batch:{open_still.id}:0", 1)}
    assert list(job.events.order_by("first_seq").values_list("type", "first_seq", "last_seq")) == [
        (EventType.STARTED, 1, 1),
        (EventType.VERIFIED, 2, 3),
        (EventType.DEFERRED, 4, 4),
    ]
    assert_books_agree(job)


def test_slots_are_filled_one_by_one_however_slow_a_batch_is(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PROBE_CONCURRENCY = 3
    monkeypatch.setattr(drain, "BATCH_SIZE", 2)
    monkeypatch.setattr(drain, "AHEAD", 4)
    monkeypatch.setattr("verification.domain.intake.BATCH_SIZE", 2)
    make_job([f"user{n}@ok.test" for n in range(40)])
    asked: list[str] = []
    at_once: list[int] = []
    everybody_else = asyncio.Event()

    async def first_one_waits(address: str, order: Order) -> Answer:
        asked.append(address)
        at_once.append(len(asked) - len(answered))
        if len(asked) == 40:
            everybody_else.set()
        if len(asked) == 1:
            await everybody_else.wait()
        await asyncio.sleep(0)
        answered.append(address)
        return scenarios.answer(address)

    answered: list[str] = []
    work_off(first_one_waits)

    assert (len(answered), max(at_once)) == (40, 3)
    assert answered.index(asked[0]) >= 37


def test_two_drains_share_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.domain.intake.BATCH_SIZE", 3)
    job = make_job([f"user{n}@bulk-{n % 7}.test" for n in range(100)])

    async def one() -> None:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            await drain.Drain(own, from_table).run()

    async def both() -> None:
        await asyncio.gather(one(), one())

    asyncio.run(both())
    job.refresh_from_db()
    assert (job.status, job.decided) == (JobStatus.FINISHED, 100)
    assert_books_agree(job)


def test_what_a_suspended_account_has_in_work_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "RENEW_SECONDS", 0.1)
    other, job = make_job(["joe@ok.test"]), make_job([f"user{n}@ok.test" for n in range(20)])
    asked = []

    async def suspended_midway(address: str, order: Order) -> Answer:
        asked.append(address)
        if order.lease.account_id == other.account_id:
            await asyncio.sleep(0.6)
        elif address == "user3@ok.test":
            await asyncio.to_thread(suspend)
            await asyncio.sleep(60)
        elif address > "user3":
            await asyncio.sleep(60)
        return scenarios.answer(address)

    def suspend() -> None:
        with psycopg.connect(**connection_kwargs("command"), autocommit=True) as own:
            own.execute("UPDATE accounts_account SET status = 'suspended' WHERE id = %s", [job.account_id])

    started = time.monotonic()
    work_off(suspended_midway)
    assert time.monotonic() - started < 10

    job.refresh_from_db()
    other.refresh_from_db()
    done = CheckResult.objects.filter(job=job).count()
    assert (other.status, job.status, job.waiting) == (JobStatus.FINISHED, JobStatus.RUNNING, 20 - done)
    assert done < 15
    assert list(Batch.objects.values_list("token", "attempts")) == [(None, 0)]
    assert_books_agree(job)
    before = len(asked)
    work_off()
    assert len(asked) == before

    accounts.resume(account=job.account)
    work_off()
    job.refresh_from_db()
    assert job.status == JobStatus.FINISHED
    assert_books_agree(job)


def test_a_small_list_waits_for_no_slow_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Promise 40 in small: one account's addresses fill all slots and their servers take for ever."""
    monkeypatch.setattr("verification.domain.intake.BATCH_SIZE", 5)
    settings.PROBE_CONCURRENCY = 10
    slow = make_job([f"user{n}@ok.test" for n in range(100)])
    seconds: list[float] = []

    async def slow_ones_hang(address: str, order: Order) -> Answer:
        if order.lease.job_id == slow.pk:
            await asyncio.sleep(60)
        return scenarios.answer(address)

    async def go() -> None:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            one = drain.Drain(own, slow_ones_hang)
            working = asyncio.create_task(one.run())
            while one.in_flight < settings.PROBE_CONCURRENCY:  # noqa: ASYNC110  # the drain tells nobody
                await asyncio.sleep(0.01)
            began = time.monotonic()
            late = await asyncio.to_thread(make_job, [f"late{n}@ok.test" for n in range(5)])
            while await asyncio.to_thread(is_running, late):
                await asyncio.sleep(0.01)
                assert time.monotonic() - began < 20
            seconds.append(time.monotonic() - began)
            assert one.in_flight == settings.PROBE_CONCURRENCY
            (settings.RUN_DIR / "stop").touch()
            await working

    asyncio.run(go())
    assert seconds[0] < 5
    assert_books_agree(slow)


def is_running(job: Job) -> bool:
    try:
        job.refresh_from_db()
        return job.status == JobStatus.RUNNING
    finally:
        connection.close()


def test_the_stop_flag_releases_without_counting(run_dir: Path) -> None:
    job = make_job(["jane@ok.test", "slow@ok.test"])

    async def one_is_slow(address: str, order: Order) -> Answer:
        if address.startswith("slow"):
            (run_dir / "stop").touch()
            await asyncio.sleep(60)
        return scenarios.answer(address)

    assert work_off(one_is_slow) is False
    batch = Batch.objects.get()
    assert (batch.token, batch.attempts) == (None, 0)
    job.refresh_from_db()
    assert (job.decided, job.waiting) == (1, 1)
    (run_dir / "stop").unlink()
    work_off()
    assert_books_agree(job)


def test_cancel_is_exact_while_a_batch_is_in_work() -> None:
    job = make_job(["jane@ok.test", "joe@ok.test"])
    (lease,) = claim_one()

    jobs.cancel(job=job)

    assert not write(lease, job)
    job.refresh_from_db()
    assert (job.status, job.cancelled, job.decided, job.waiting) == (JobStatus.CANCELLED, 2, 0, 0)
    assert QuotaPeriod.objects.get(account=job.account).left == job.account.monthly_quota
    assert_books_agree(job)


def test_a_row_is_taken_out_exactly_while_its_batch_is_in_work() -> None:
    job = make_job(["jane@ok.test", "joe@ok.test"])
    jane = job.checks.get(address="jane@ok.test")
    (lease,) = claim_one()

    jobs.withdraw(job=job, check_ids=[jane.pk])

    assert not write(lease, job)
    work_off()
    job.refresh_from_db()
    assert (job.status, job.cancelled, job.decided, job.waiting) == (JobStatus.FINISHED, 1, 1, 0)
    assert not CheckResult.objects.filter(check_row=jane).exists()
    assert_books_agree(job)


@pytest.mark.parametrize("change", [jobs.pause, jobs.resume, jobs.cancel])
def test_an_ended_job_does_not_change(change: object) -> None:
    job = make_job(["nobody"])
    with pytest.raises(jobs.WrongStatus):
        change(job=job)  # type: ignore[operator]  # one of the three


def test_an_expired_lease_counts_and_the_second_splits() -> None:
    job = make_job(["jane@ok.test", "joe@ok.test"])
    claim_one()
    expire_all()
    assert list(Batch.objects.values_list("attempts", "alone")) == [(1, False)]
    claim_one()
    expire_all()
    assert list(Batch.objects.values_list("attempts", "alone")) == [(0, True), (0, True)]
    work_off(slot=Slot.SUSPECTS)
    job.refresh_from_db()
    assert (job.status, job.decided) == (JobStatus.FINISHED, 2)
    assert_books_agree(job)


def test_a_row_that_dies_alone_three_times_is_put_aside_free() -> None:
    job = make_job(["jane@ok.test"])
    for alone in (False, False, True, True, True):
        assert claim_one(alone=alone)
        expire_all()

    sweeper.put_aside_poison()

    row = CheckResult.objects.get()
    assert (row.result, row.reason, row.blame, row.charged) == ("Unverifiable", "Unknown", "our_fault", False)
    job.refresh_from_db()
    assert job.status == JobStatus.FINISHED
    assert_books_agree(job)
