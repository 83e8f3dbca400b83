"""Waiting for events without a thread or a connection of one's own: one look for all who wait, twice a second."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, InterfaceError, OperationalError

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.5
WAITS_OF_ACCOUNT = 100  # in one process; more are answered at once

# A job that has ended, or is gone, says nothing any more.
JOBS_WITH_NEWS = """
SELECT waiter.number FROM unnest(%(jobs)s::uuid[], %(seqs)s::bigint[]) WITH ORDINALITY AS waiter(job, seq, number)
LEFT JOIN verification_job j ON j.id = waiter.job
WHERE j.id IS NULL OR j.event_seq > waiter.seq OR j.status IN ('finished', 'cancelled')
"""
ACCOUNTS_WITH_NEWS = """
SELECT waiter.number
FROM unnest(%(accounts)s::bigint[], %(sinces)s::bigint[]) WITH ORDINALITY AS waiter(account, since, number)
WHERE EXISTS (
    SELECT 1 FROM verification_event e
    WHERE e.account_id = waiter.account AND e.written_in >= waiter.since
          AND e.written_in < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
)
"""


@dataclass(frozen=True, slots=True)
class OfJob:
    """Where news of a job would show: behind a number."""

    account: int
    job: UUID
    seq: int

    def __str__(self) -> str:
        return f"{self.account}/{self.job}/{self.seq}"


@dataclass(frozen=True, slots=True)
class OfAccount:
    """Where news of an account would show: written by a transaction from `since` on."""

    account: int
    since: int

    def __str__(self) -> str:
        return f"{self.account}/{self.since}"


Place = OfJob | OfAccount
Connect = Callable[[], AbstractAsyncContextManager[AsyncConnection[tuple[Any, ...]]]]  # Any: columns


def read(text: str) -> Place:
    """Read a place as `str()` gives it."""
    account, *rest = text.split("/")
    if len(rest) == 1:
        return OfAccount(int(account), int(rest[0]))
    return OfJob(int(account), UUID(rest[0]), int(rest[1]))


class News:
    """Those of one event loop who wait; looks for them as long as there are any."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._waiting: dict[asyncio.Event, Place] = {}
        self._of_account: Counter[int] = Counter()
        self._looking: asyncio.Task[None] | None = None

    async def wait(self, place: Place, seconds: float) -> None:
        """Come back when there is news, when the time is over, or when nobody can tell."""
        if self._of_account[place.account] >= WAITS_OF_ACCOUNT:
            return
        async with self._listed(place) as event:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.ensure_future(self._look())
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()

    @asynccontextmanager
    async def _listed(self, place: Place) -> AsyncIterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting[event] = place
        self._of_account[place.account] += 1
        try:
            yield event
        finally:
            self._waiting.pop(event, None)
            self._of_account[place.account] -= 1

    async def _look(self) -> None:
        while self._waiting:
            try:
                await self._wake_those_with_news()
            except (OperationalError, InterfaceError) as error:
                logger.warning("no database to look for news in: %s", error)
                for event in self._waiting:
                    event.set()
            await asyncio.sleep(LOOK_SECONDS)

    async def _wake_those_with_news(self) -> None:
        jobs = [(event, place) for event, place in self._waiting.items() if isinstance(place, OfJob)]
        accounts = [(event, place) for event, place in self._waiting.items() if isinstance(place, OfAccount)]
        found: list[asyncio.Event] = []
        async with self._connect() as connection:
            if jobs:
                names: dict[str, object] = {
                    "jobs": [place.job for _, place in jobs],
                    "seqs": [place.seq for _, place in jobs],
                }
                cursor = await connection.execute(JOBS_WITH_NEWS, names)
                found += [jobs[number - 1][0] for (number,) in await cursor.fetchall()]
            if accounts:
                names = {
                    "accounts": [place.account for _, place in accounts],
                    "sinces": [place.since for _, place in accounts],
                }
                cursor = await connection.execute(ACCOUNTS_WITH_NEWS, names)
                found += [accounts[number - 1][0] for (number,) in await cursor.fetchall()]
        for event in found:
            event.set()
