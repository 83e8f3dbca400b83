"""Answers that get lost between the engine and the database: their rows stay open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection
from pytest_django import Settings

from tests.verification.books import assert_books_agree
from tests.verification.factories import make_job
from verification.domain import claims, drain
from verification.domain.claims import Order
from verification.domain.database import connection_kwargs
from verification.domain.flush import Answered, Part, flush
from verification.engine import Answer, scenarios
from verification.models import Batch, CheckResult, JobStatus

pytestmark = pytest.mark.django_db(transaction=True)

END_THE_WRITER = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'portal-drain' AND datname = current_database() ORDER BY backend_start DESC LIMIT 1
"""


@pytest.fixture(autouse=True)
def run_dir(settings: Settings, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path


async def open_own() -> AsyncConnection[tuple[object, ...]]:
    return await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True)


async def from_table(address: str, order: Order) -> Answer:
    return scenarios.answer(address)


def work_off(probe: drain.Probe = from_table) -> None:
    async def go() -> None:
        async with await open_own() as own:
            await drain.Drain(own, probe).run()

    asyncio.run(go())


def test_a_batch_called_complete_keeps_rows_without_a_result() -> None:
    job = make_job(["jane@ok.test", "joe@ok.test"])

    async def go() -> None:
        async with await open_own() as own:
            (lease,) = await claims.claim(own, limit=1)
            first = Answered(lease.check_ids[0], scenarios.answer("jane@ok.test"))
            assert await flush(own, [Part(lease, [first], complete=True)]) == {lease.id}

    asyncio.run(go())

    assert list(Batch.objects.values_list("token", "attempts")) == [(None, 0)]
    work_off()
    assert CheckResult.objects.filter(result="Ok").count() == 2
    assert_books_agree(job)


@pytest.mark.parametrize("may_wait", [False, True], ids=["for good", "with rows that wait"])
def test_nothing_is_lost_with_the_writer_s_connection(monkeypatch: pytest.MonkeyPatch, may_wait: bool) -> None:
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.1)
    waits = ["jane@greylist.test"] if may_wait else []
    job = make_job(["jane@ok.test", "joe@ok.test", *waits])

    async def ends_the_writer(address: str, order: Order) -> Answer:
        if address != "jane@ok.test":
            return scenarios.answer(address)
        with psycopg.connect(**connection_kwargs("command"), autocommit=True) as other:
            other.execute(END_THE_WRITER)
        return scenarios.answer(address)

    with pytest.raises(psycopg.OperationalError):
        work_off(ends_the_writer)

    Batch.objects.update(due_at="2020-01-01T00:00:00Z")
    work_off()
    job.refresh_from_db()
    assert (job.decided, job.waiting) == (2, len(waits))
    assert (job.status == JobStatus.FINISHED) is not may_wait
    assert_books_agree(job)
