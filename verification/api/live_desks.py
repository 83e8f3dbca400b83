"""Opens what live calls share, once per event loop, with the first call."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from psycopg_pool import AsyncConnectionPool

from verification.domain.database import connection_kwargs
from verification.domain.live import Connection, Desk
from verification.domain.probing import engine_config
from verification.engine import Engine

CONNECTIONS = 10
WAIT_SECONDS = 5.0  # for a connection; after that the caller is told that there is no database


class Desks:
    """The desk of each event loop."""

    def __init__(self) -> None:
        self._desks: WeakKeyDictionary[asyncio.AbstractEventLoop, Desk] = WeakKeyDictionary()

    async def desk(self) -> Desk:
        """Give the desk of the running loop."""
        loop = asyncio.get_running_loop()
        desk = self._desks.get(loop)
        if desk is None:
            desk = self._desks[loop] = Desk(make_pool(), Engine(engine_config()))
        if desk.pool.closed:
            await desk.pool.open()
        return desk

    async def aclose(self) -> None:
        """Close the running loop's desk."""
        desk = self._desks.pop(asyncio.get_running_loop(), None)
        if desk is not None:
            await desk.engine.aclose()
            await desk.pool.close(timeout=2)


def make_pool() -> AsyncConnectionPool[Connection]:
    """Give a pool, not open yet, that gives up soon on a database that is away, to try again with the next call."""
    return AsyncConnectionPool(
        kwargs={"autocommit": True, **connection_kwargs("web")},
        min_size=1,
        max_size=CONNECTIONS,
        timeout=WAIT_SECONDS,
        reconnect_timeout=2.0,
        open=False,
        name="live",
    )
