"""Opens what live calls share, once per event loop, with the first call."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

from verification.domain.live import Desk
from verification.domain.live_arrivals import Doors
from verification.domain.live_departures import Exits
from verification.domain.live_pool import LivePool
from verification.domain.pacing import pacing_of_calls
from verification.domain.probing import engine_config
from verification.engine import Engine


class Desks:
    """The desk of each event loop."""

    def __init__(self) -> None:
        self._desks: WeakKeyDictionary[asyncio.AbstractEventLoop, Desk] = WeakKeyDictionary()

    async def desk(self) -> Desk:
        """Give the desk of the running loop."""
        loop = asyncio.get_running_loop()
        desk = self._desks.get(loop)
        if desk is None:
            pool = LivePool()
            pacing = pacing_of_calls(pool.connection)
            engine = Engine(engine_config(), pacing=pacing)
            desk = self._desks[loop] = Desk(pool, engine, pacing, Doors(pool, engine), Exits(pool))
        await desk.pool.open()
        return desk

    async def aclose(self) -> None:
        """Close the running loop's desk."""
        desk = self._desks.pop(asyncio.get_running_loop(), None)
        if desk is not None:
            await desk.engine.aclose()
            await desk.pacing.aclose()
            await desk.pool.close()
