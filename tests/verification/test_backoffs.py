"""Backoffs after refusals, and what staff may do about them: rows that all processes share."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from tests.factories import make_staff
from tests.verification.test_pacing import A, fetch, grown, rows, run, sharing
from verification.domain import organisations
from verification.domain.pacing import SharedPacing
from verification.domain.pacing_local import LOOK_SECONDS, PausedByStaffError
from verification.domain.pacing_rows import Holder, Wish
from verification.engine.pacing import HeldBackError
from verification.models import Organisation

pytestmark = pytest.mark.django_db(transaction=True)


def refuse(shared: SharedPacing, times: int = 1) -> None:
    for _ in range(times):
        shared.refused(A)


def test_three_refusals_hold_all_processes_back_for_five_minutes() -> None:
    async def work() -> None:
        async with sharing() as jobs, sharing(live=True) as calls:
            await jobs.acquire(A)
            refuse(jobs, 2)
            await calls.acquire(A)
            refuse(calls)
            calls.release(A)
            await asyncio.sleep(0.3)
            for shared in (jobs, calls):
                with pytest.raises(HeldBackError) as refusal:
                    await shared.acquire(A)
                assert 298 < refusal.value.seconds <= 300

    run(work())
    row = Organisation.objects.get()
    assert (row.refusals, row.backoffs, row.slots) == (0, 1, 2)


def test_who_waits_hears_of_a_backoff_that_another_process_began() -> None:
    async def work() -> None:
        async with sharing() as jobs:
            await jobs.acquire(A)
            waiting = asyncio.ensure_future(jobs.acquire(A))
            await asyncio.sleep(0.2)
            await fetch("UPDATE verification_organisation SET backoff_until = now() + interval '1 minute'")
            with pytest.raises(HeldBackError):
                await waiting

    run(work())


def test_an_answer_between_refusals_starts_the_count_again() -> None:
    async def work() -> None:
        async with sharing() as jobs:
            await jobs.acquire(A)
            refuse(jobs, 2)
            await asyncio.sleep(0.2)
            jobs.answered(A)
            await asyncio.sleep(0.2)
            refuse(jobs, 2)
            await asyncio.sleep(0.2)
            jobs.release(A)
            await jobs.acquire(A)

    run(work())
    assert Organisation.objects.get().refusals == 2


@pytest.mark.parametrize(("backoffs", "minutes"), [(0, 5), (1, 10), (4, 80), (5, 160), (6, 240), (400, 240)])
def test_backoffs_double_up_to_four_hours(backoffs: int, minutes: int) -> None:
    Organisation.objects.create(name=A, backoffs=backoffs)

    async def work() -> None:
        async with rows() as own:
            (decision,) = await Holder(5, live=False).take(own, [Wish(A, 1, 1, refused=3)])
        assert minutes * 60 - 1 < decision.held <= minutes * 60

    run(work())


def test_refusals_during_a_backoff_are_not_counted() -> None:
    async def work() -> None:
        async with rows() as own:
            for _ in range(3):
                await Holder(5, live=False).take(own, [Wish(A, 1, 1, refused=3)])

    run(work())
    row = Organisation.objects.get()
    assert (row.refusals, row.backoffs) == (0, 1)


# Staff


def test_staff_release_an_organisation() -> None:
    Organisation.objects.create(name=A, backoff_until=Now() + timedelta(hours=4), backoffs=6)

    async def work() -> None:
        async with sharing() as jobs:
            with pytest.raises(HeldBackError):
                await jobs.acquire(A)
            await asyncio.to_thread(release)
            await asyncio.sleep(LOOK_SECONDS)
            await jobs.acquire(A)

    def release() -> None:
        organisations.release(organisation=Organisation(name=A))
        connection.close()

    run(work())
    row = Organisation.objects.get()
    assert (row.backoff_until, row.backoffs) == (None, 0)


def test_staff_pause_an_organisation_and_resume_it() -> None:
    grown()
    organisations.pause(organisation=Organisation.objects.get(), actor=make_staff())

    async def work() -> None:
        async with sharing(live=True) as calls:
            with pytest.raises(PausedByStaffError, match=r"^paused by our staff$"):
                await calls.acquire(A)

    run(work())
    organisations.resume(organisation=Organisation.objects.get())
    run(succeed())


async def succeed() -> None:
    async with sharing(live=True) as calls:
        await calls.acquire(A)


def test_old_organisations_are_forgotten_unless_something_is_to_be_remembered() -> None:
    old = Now() - timedelta(days=8)
    Organisation.objects.create(name="old.test", seen_at=old)
    Organisation.objects.create(name="new.test")
    Organisation.objects.create(name="held.test", seen_at=old, backoff_until=Now() + timedelta(hours=1))
    Organisation.objects.create(name="paused.test", seen_at=old, paused_at=Now())
    assert organisations.forget_old() == 1
    assert list(Organisation.objects.order_by("name").values_list("name", flat=True)) == [
        "held.test",
        "new.test",
        "paused.test",
    ]
