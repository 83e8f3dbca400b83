"""Connections that live calls share.

A call waits its turn as long as the database is there: a crowd is served, not refused.  Once no connection can be
made, nobody waits for one any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from psycopg import AsyncConnection, InterfaceError, OperationalError
from psycopg_pool import AsyncConnectionPool

from verification.domain.database import connection_kwargs

T = TypeVar("T")
Connection = AsyncConnection[tuple[Any, ...]]  # Any: columns

CONNECTIONS = 10
PATIENCE_SECONDS = 30.0  # for a turn
PATIENCE_WHEN_AWAY_SECONDS = 1.0  # lets each call try once whether the database is back
GIVE_UP_SECONDS = 2.0  # on making a connection


class DatabaseAway(OperationalError):
    """No connection in time."""


class LivePool:
    """A pool of one event loop."""

    def __init__(self) -> None:
        self.is_away = False
        self._waiting: set[asyncio.Timeout] = set()
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            kwargs={"autocommit": True, **connection_kwargs("web")},
            min_size=1,
            max_size=CONNECTIONS,
            reconnect_timeout=GIVE_UP_SECONDS,
            reconnect_failed=self._give_up,
            configure=self._welcome,
            open=False,
            name="live",
        )

    async def open(self) -> None:
        """Open the pool, if it is not; connections are made in the background."""
        if self._pool.closed:
            await self._pool.open()

    async def close(self) -> None:
        await self._pool.close(timeout=2)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection in autocommit mode.  Raises DatabaseAway."""
        connection = await self._wait_for_one()
        try:
            async with connection:
                yield connection
        finally:
            await self._pool.putconn(connection)

    async def insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something; once more on fresh connections when those of the pool died.  It must be safe to repeat."""
        try:
            return await work()
        except DatabaseAway:
            raise
        except (OperationalError, InterfaceError):
            await self._pool.check()
            return await work()

    async def _wait_for_one(self) -> Connection:
        try:
            async with asyncio.timeout(PATIENCE_WHEN_AWAY_SECONDS if self.is_away else PATIENCE_SECONDS) as patience:
                self._waiting.add(patience)
                try:
                    return await self._pool.getconn(timeout=2 * PATIENCE_SECONDS)
                finally:
                    self._waiting.discard(patience)
        except TimeoutError:
            raise DatabaseAway("no connection to the database in time") from None

    async def _give_up(self, pool: AsyncConnectionPool[Connection]) -> None:
        """Hear that a connection could not be made; when it was the last hope, send all who wait away."""
        if pool.get_stats().get("pool_size", 0) == 0:
            self.is_away = True
            for patience in list(self._waiting):
                patience.reschedule(asyncio.get_running_loop().time())

    async def _welcome(self, connection: Connection) -> None:  # noqa: ARG002  # the pool's signature
        self.is_away = False
