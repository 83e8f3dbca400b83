"""Pacing shared by processes: two holders on one event loop here, real processes in test_pacing_processes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg import AsyncConnection

from verification.domain import pacing, pacing_local, pacing_rows
from verification.domain.database import connection_kwargs
from verification.domain.pacing import OwnConnection, SharedPacing
from verification.domain.pacing_local import SPARE_SECONDS
from verification.domain.pacing_rows import Holder, Wish
from verification.models import Organisation, PacingGrant

pytestmark = pytest.mark.django_db(transaction=True)
A = "a.test"
Work = Callable[[], Coroutine[Any, Any, None]]


def run(work: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(15):
            await work

    asyncio.run(bounded())


@asynccontextmanager
async def sharing(*, live: bool = False, per_host: int = 5) -> AsyncIterator[SharedPacing]:
    own = OwnConnection("drain")
    shared = SharedPacing(own, Holder(per_host, live=live))
    try:
        yield shared
    finally:
        await shared.aclose()
        await own.aclose()


@asynccontextmanager
async def rows() -> AsyncIterator[pacing_rows.Connection]:
    async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
        yield own


async def fetch(statement: str, *values: object) -> list[Any]:  # Any: rows
    """Run a statement where the ORM, whose connections belong to threads, would leave one open."""
    async with rows() as own:
        cursor = await own.execute(statement, values)
        return await cursor.fetchall() if cursor.description else []


async def slots_for(shared: SharedPacing, organisation: str = A, wait: float = 0.4) -> int:
    """Open as many connections as it gives within a while; they stay open."""
    opened = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait):
            while True:
                await shared.acquire(organisation)
                opened += 1
    return opened


async def taken(holder: Holder, *wishes: Wish) -> dict[str, int]:
    async with rows() as own:
        return {each.organisation: each.granted for each in await holder.take(own, list(wishes))}


def grown(name: str = A, slots: int = 5) -> None:
    Organisation.objects.create(name=name, slots=slots)


# Counting


def test_an_unknown_organisation_gets_one_connection_for_jobs_and_one_for_calls() -> None:
    async def work() -> None:
        async with sharing() as jobs, sharing(live=True) as calls:
            assert (await slots_for(jobs), await slots_for(calls)) == (1, 1)

    run(work())
    assert not PacingGrant.objects.exists()


def test_slots_grow_with_answers_up_to_the_cap_less_one() -> None:
    async def work() -> None:
        async with sharing() as jobs:
            opened = await slots_for(jobs, wait=0.2)
            for _ in range(6):
                jobs.answered(A)
                opened += await slots_for(jobs, wait=0.3)
            assert opened == 4

    run(work())
    assert Organisation.objects.get().slots == 5


def test_two_holders_share_the_cap() -> None:
    grown()

    async def work() -> None:
        async with sharing() as one, sharing() as other:
            assert (await slots_for(one), await slots_for(other)) == (4, 0)
            assert [one.contended(A), other.contended(A)] == [False, True]

    run(work())


def test_who_came_later_gets_its_share_when_the_first_makes_room() -> None:
    grown()

    async def work() -> None:
        async with sharing() as one, sharing() as other:
            assert await slots_for(one) == 4
            waiting = [asyncio.ensure_future(each.acquire(A)) for each in (one, one, other, other, other)]
            await asyncio.sleep(1.3)  # both have asked once more
            assert one.contended(A)
            for _ in range(2):
                one.release(A)
            await asyncio.sleep(1.3)
            assert [turn.done() for turn in waiting] == [False, False, True, True, False]
            for turn in waiting:
                turn.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    run(work())


def test_a_call_gets_its_slot_while_a_job_holds_all_others() -> None:
    grown()

    async def work() -> None:
        async with sharing() as jobs, sharing(live=True) as calls:
            assert await slots_for(jobs) == 4
            began = time.monotonic()
            await calls.acquire(A)
            assert time.monotonic() - began < 0.5
            assert await slots_for(calls) == 0

    run(work())


def test_calls_may_have_all_slots_while_no_job_wants_them() -> None:
    grown()

    async def work() -> None:
        async with sharing(live=True) as calls, sharing() as jobs:
            assert (await slots_for(calls, wait=0.9), await slots_for(jobs)) == (5, 0)

    run(work())


def test_where_one_connection_is_the_cap_nothing_is_kept() -> None:
    async def work() -> None:
        async with sharing(per_host=1) as jobs, sharing(live=True, per_host=1) as calls:
            assert (await slots_for(jobs), await slots_for(calls)) == (1, 0)

    run(work())


def test_what_is_not_used_goes_back() -> None:
    async def work() -> None:
        async with sharing() as jobs:
            await jobs.acquire(A)
            jobs.release(A)
            await asyncio.sleep(SPARE_SECONDS + 0.4)
            assert await fetch("SELECT * FROM verification_pacinggrant") == []
            assert jobs._task is not None
            assert jobs._task.done()  # nothing runs on where there is nothing to do

    run(work())


def test_organisations_do_not_share() -> None:
    async def work() -> None:
        async with sharing() as jobs:
            assert [await slots_for(jobs, name, 0.2) for name in ("a.test", "b.test", "192.0.2.0/24")] == [1, 1, 1]

    run(work())


def test_a_cancelled_wait_leaves_no_trace() -> None:
    async def work() -> None:
        async with sharing() as jobs:
            await jobs.acquire(A)
            waiting = asyncio.ensure_future(jobs.acquire(A))
            await asyncio.sleep(0.15)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            jobs.release(A)
            assert await slots_for(jobs) == 1

    run(work())


def test_many_are_taken_in_one_statement() -> None:
    names = [f"{number}.test" for number in range(500)]
    run_taken: dict[str, int] = {}

    async def work() -> None:
        run_taken.update(await taken(Holder(5, live=False), *(Wish(name, 3, 0) for name in names)))

    run(work())
    assert run_taken == dict.fromkeys(names, 1)


def test_crowds_that_take_at_once_never_get_more_than_the_cap() -> None:
    names = [f"{number}.test" for number in range(40)]
    Organisation.objects.bulk_create(Organisation(name=name, slots=5) for name in names)

    async def work() -> None:
        calls = [(Holder(5, live=True), [Wish(name, 1, 0) for name in names]) for _ in range(3)]
        jobs = [(Holder(5, live=False), [Wish(name, 5, 0) for name in names]) for _ in range(9)]
        crowd = enumerate(jobs + calls)
        await asyncio.gather(*(taken(holder, *all_[shift:], *all_[:shift]) for shift, (holder, all_) in crowd))

    run(work())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(n), max(n), max(jobs) <= 4 FROM (SELECT sum(slots) n, sum(slots) FILTER (WHERE NOT live) jobs"
            " FROM verification_pacinggrant GROUP BY organisation_id) s"
        )
        assert cursor.fetchone() == (5, 5, True)


# Running out


def test_the_slots_of_a_dead_holder_come_back_when_they_run_out() -> None:
    grown()

    async def work() -> None:
        dead, other = Holder(5, live=False), Holder(5, live=False)
        assert await taken(dead, Wish(A, 4, 0)) == {A: 4}
        assert await taken(other, Wish(A, 4, 0)) == {A: 0}
        await fetch("UPDATE verification_pacinggrant SET until = now() WHERE holder = %s", dead.id)
        assert await taken(other, Wish(A, 4, 0)) == {A: 4}
        async with rows() as own:
            assert await dead.renew(own) == set()  # too late
        assert await fetch("SELECT holder, slots FROM verification_pacinggrant") == [(other.id, 4)]

    run(work())


@pytest.mark.parametrize("text", [None, "", "nobody"], ids=["missing", "empty", "nonsense"])
def test_the_first_of_its_kind_writes_its_name_down(tmp_path: Path, text: str | None) -> None:
    note = tmp_path / "drain.holder"
    if text is not None:
        note.write_text(text)

    async def work() -> None:
        async with pacing.pacing_of_jobs(note) as jobs:
            await jobs.acquire(A)
            assert await fetch("SELECT holder::text FROM verification_pacinggrant") == [(note.read_text(),)]

    run(work())


def test_a_successor_need_not_wait_for_the_dead(tmp_path: Path) -> None:
    dead, other = Holder(5, live=False), Holder(5, live=False)
    note = tmp_path / "drain.holder"
    note.write_text(str(dead.id))

    async def work() -> None:
        await taken(dead, Wish(A, 1, 0), Wish("b.test", 1, 0))
        await taken(other, Wish("c.test", 1, 0))
        async with pacing.pacing_of_jobs(note) as jobs:
            assert await fetch("SELECT holder FROM verification_pacinggrant") == [(other.id,)]
            assert await slots_for(jobs) == 1

    run(work())


def test_grants_are_good_for_thirty_seconds_and_are_renewed() -> None:
    async def work() -> None:
        holder = Holder(5, live=False)
        await taken(holder, Wish(A, 1, 0), Wish("b.test", 1, 0))
        assert [29 < left <= 30 for left in await seconds_left()] == [True, True]
        await fetch("UPDATE verification_pacinggrant SET until = now() + interval '5 seconds'")
        async with rows() as own:
            assert await holder.renew(own) == {A, "b.test"}
        assert [29 < left <= 30 for left in await seconds_left()] == [True, True]

    async def seconds_left() -> list[float]:
        found = await fetch("SELECT extract(epoch FROM until - now()) FROM verification_pacinggrant")
        return [float(left) for (left,) in found]

    run(work())


def test_without_a_database_no_connection_begins_once_the_permits_ran_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    is_away = False

    @asynccontextmanager
    async def connect() -> AsyncIterator[pacing_rows.Connection]:
        if is_away:
            raise psycopg.OperationalError("away")
        async with rows() as own:
            yield own

    monkeypatch.setattr(pacing, "GRANT_SECONDS", pacing.MARGIN_SECONDS + 0.6)
    monkeypatch.setattr(pacing_local, "SPARE_SECONDS", 60.0)  # or the permit is on its way back already

    async def work() -> None:
        nonlocal is_away
        shared = SharedPacing(connect, Holder(5, live=False))
        await shared.acquire(A)
        is_away = True
        shared.release(A)
        assert await slots_for(shared, wait=0.1) == 1  # still good
        shared.release(A)
        await asyncio.sleep(0.6)
        assert await slots_for(shared, wait=0.5) == 0
        is_away = False
        assert await slots_for(shared) == 1
        await shared.aclose()

    run(work())
    assert [record.getMessage() for record in caplog.records if record.name == pacing.__name__] == [
        "no permits for new connections: away"
    ]
