"""Addresses that make their worker exit, spin or allocate, among good ones."""

from __future__ import annotations

import signal
import time

import pytest

from tests.chaos import victims
from tests.chaos.test_failpoints import expire
from tests.chaos.victims import Circumstances
from tests.verification.books import assert_books_agree
from tests.verification.factories import make_job
from verification.domain import slots, sweeper
from verification.models import Batch, CheckResult, JobStatus

pytestmark = pytest.mark.django_db(transaction=True)
KILLERS = ["a@killer-exit.test", "b@killer-loop.test", "c@killer-memory.test"]
GOOD = [f"user{n}@bulk-{n}.test" for n in range(57)]
LAST_TRIES = 3  # alone


@pytest.fixture
def harmful(circumstances: Circumstances) -> Circumstances:
    """Let killers kill; the loop must turn within half a second."""
    bounds = {"KILLERS": True, "PORTAL_ROLE": "cluster", "WORKER_MEMORY_MB": 1_500}
    return Circumstances(
        circumstances.database, circumstances.run_dir, circumstances.settings | bounds, stuck_seconds=0.5
    )


def test_all_others_are_done_and_killers_put_aside(harmful: Circumstances, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.domain.intake.BATCH_SIZE", 10)
    job = make_job([*KILLERS, *GOOD])
    deaths, alone = 0, 0

    while Batch.objects.exists():
        deaths += victims.run(victims.drain_from_table, harmful) != 0
        expire()
        sweeper.put_aside_poison()
        alone = max(alone, Batch.objects.filter(alone=True).count())

    found = CheckResult.objects.filter(job=job)
    put_aside = found.filter(result="Unverifiable", reason="Unknown", blame="our_fault", charged=False)
    assert sorted(put_aside.values_list("check_row__address", flat=True)) == KILLERS
    assert found.filter(result="Ok", charged=True).count() == len(GOOD)
    assert deaths == 2 + LAST_TRIES * len(KILLERS)  # two of the batch, then each of them alone
    assert alone == 10  # of the batches beside it none was split
    assert_books_agree(job)
    job.refresh_from_db()
    assert job.status == JobStatus.FINISHED


def test_a_big_batch_is_split_into_parts_before_rows() -> None:
    make_job([f"user{n}@ok.test" for n in range(40)])
    Batch.objects.update(attempts=2)

    sweeper.expire_leases()
    parts = Batch.objects.order_by("pk")
    assert sorted((len(part.check_ids), part.alone, part.attempts) for part in parts) == [
        (8, False, 1),
        (16, False, 1),
        (16, False, 1),
    ]

    Batch.objects.filter(pk=parts[0].pk).update(attempts=2)
    sweeper.expire_leases()
    assert Batch.objects.filter(alone=True, attempts=0).count() in (8, 16)
    assert sum(len(batch.check_ids) for batch in Batch.objects.all()) == 40


@pytest.mark.parametrize("address", KILLERS)
def test_a_killer_ends_its_process_within_its_bounds(harmful: Circumstances, address: str) -> None:
    make_job([address])
    started = time.monotonic()
    assert victims.run(victims.drain_from_table, harmful) == 1
    assert time.monotonic() - started < 10


def test_a_loop_that_turns_slowly_lives(harmful: Circumstances) -> None:
    job = make_job(["slow@ok.test"])
    assert victims.run(victims.drain_from_table, harmful) == 0
    job.refresh_from_db()
    assert job.status == JobStatus.FINISHED


def test_without_the_flag_nobody_is_harmed(circumstances: Circumstances) -> None:
    job = make_job(KILLERS)
    assert victims.run(victims.drain_from_table, circumstances) == 0
    job.refresh_from_db()
    assert (job.status, job.undecided) == (JobStatus.FINISHED, 3)


def test_suspects_have_a_drain_of_their_own(circumstances: Circumstances) -> None:
    """While the main drain is busy with others, a second one works on what is suspected, and on nothing else."""
    suspected, fine = make_job(["jane@ok.test"]), make_job(["joe@ok.test"])
    Batch.objects.filter(job=suspected).update(attempts=1)

    with slots.hold_all(slots.Slot.MAIN):
        assert victims.run(victims.drain_from_table, circumstances) == 0

    suspected.refresh_from_db()
    fine.refresh_from_db()
    assert (suspected.status, fine.status) == (JobStatus.FINISHED, JobStatus.RUNNING)


def test_with_both_slots_taken_a_bell_is_for_nothing(circumstances: Circumstances) -> None:
    make_job(["jane@ok.test"])
    with slots.hold_all(slots.Slot.MAIN), slots.hold_all(slots.Slot.SUSPECTS):
        assert victims.run(victims.drain_from_table, circumstances) == 0
    assert Batch.objects.count() == 1


def test_a_killed_drain_frees_its_slot(circumstances: Circumstances) -> None:
    make_job(["jane@ok.test"])
    armed = Circumstances(circumstances.database, circumstances.run_dir, {"FAILPOINT": "claim_committed"})
    assert victims.run(victims.drain_from_table, armed) == -signal.SIGKILL
    assert slots.has_free_seat(slots.Slot.MAIN)
