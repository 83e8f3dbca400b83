"""What keeps a drain from doing harm once something in it has gone wrong: bounds on its memory and on its loop.

The remedy is always the same, an end without ceremony.  The leases then expire and count, which is how the address
that did it is found.  A process that goes on after a MemoryError would spread it over addresses that are not to blame.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from django.conf import settings

BEAT_SECONDS = 1.0
STUCK_SECONDS = 15.0  # without a turn of the event loop
logger = logging.getLogger(__name__)


def limit_memory() -> None:
    """Bound the address space of a queue worker by WORKER_MEMORY_MB; 0 leaves it unbounded."""
    if settings.PORTAL_ROLE == "cluster" and settings.WORKER_MEMORY_MB:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = settings.WORKER_MEMORY_MB * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_AS, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


@asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Tell a thread all the time that the loop turns; without that for 15 s it writes a traceback and ends the process.

    The thread needs no GIL, so it ends also a loop that spins in C.
    """
    pulse = asyncio.create_task(keep_beating())
    try:
        yield
    finally:
        pulse.cancel()


async def keep_beating() -> None:
    try:
        while True:
            faulthandler.dump_traceback_later(STUCK_SECONDS, exit=True)
            await asyncio.sleep(BEAT_SECONDS)
    finally:
        faulthandler.cancel_dump_traceback_later()


def die_out_of_memory() -> NoReturn:
    try:
        logger.critical("out of memory: the drain ends at once")
    finally:
        os._exit(1)


def heed_memory_errors(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:  # Any: asyncio's context
    """Handle what callbacks raise: as usual, but for a MemoryError."""
    if isinstance(context.get("exception"), MemoryError):
        die_out_of_memory()
    loop.default_exception_handler(context)
