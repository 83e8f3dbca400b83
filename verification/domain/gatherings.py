"""Group commit: who comes while a transaction is under way waits for it and shares the next one.

A transaction costs journeys to the database, its locks and a write to disk, however little is in it.  So the first who
comes is served at once, and a crowd in few transactions.  Groups are kept apart by a key: one that waits for a lock
delays nobody else.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from psycopg import InterfaceError, OperationalError

K = TypeVar("K", bound=Hashable)
C = TypeVar("C")
R = TypeVar("R")

MOST = 100  # in one transaction
GATHER_SECONDS = 0.005  # after a crowd, for as many to come again: those that it answered
LOOK_SECONDS = 0.0005


@dataclass(slots=True, eq=False)
class Entry(Generic[C, R]):
    """A call that waits for its outcome."""

    call: C
    outcome: asyncio.Future[R]


class Gatherings(Generic[K, C, R]):
    """Serves calls in groups of one key; `serve` gives an outcome for each, in their order, and may be repeated."""

    def __init__(self, serve: Callable[[K, Sequence[C]], Awaitable[Sequence[R]]]) -> None:
        self._serve = serve
        self._waiting: dict[K, deque[Entry[C, R]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, key: K, call: C) -> R:
        """Give the outcome of a call once its transaction is committed; raises what broke it.

        A cancelled call is taken out while it waits; when its transaction is under way, that is waited for.
        """
        entry: Entry[C, R] = Entry(call, asyncio.get_running_loop().create_future())
        queue = self._waiting.get(key)
        if queue is None:
            queue = self._waiting[key] = deque()
            task = asyncio.create_task(self._work_off(key, queue))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        queue.append(entry)
        try:
            return await asyncio.shield(entry.outcome)
        except asyncio.CancelledError:
            if entry in queue:
                queue.remove(entry)
                entry.outcome.cancel()
            else:
                await asyncio.wait({entry.outcome})
                with suppress(asyncio.CancelledError):
                    entry.outcome.exception()  # looked at, though nobody is there to be told
            raise

    async def _work_off(self, key: K, queue: deque[Entry[C, R]]) -> None:
        try:
            while queue:
                group = [queue.popleft() for _ in range(min(len(queue), MOST))]
                await self._serve_group(key, group)
                if len(group) > 1:
                    await gather(queue, len(group))
        finally:
            del self._waiting[key]

    async def _serve_group(self, key: K, group: Sequence[Entry[C, R]]) -> None:
        """Serve a group in one transaction; when that breaks for a reason of one of them, each in its own."""
        try:
            outcomes = await self._serve(key, [entry.call for entry in group])
        except Exception as error:  # noqa: BLE001  # whatever it is, its callers are told
            if len(group) > 1 and not isinstance(error, OperationalError | InterfaceError):
                for entry in group:
                    await self._serve_group(key, [entry])
                return
            for entry in group:
                entry.outcome.set_exception(error)
            return
        for entry, outcome in zip(group, outcomes, strict=True):
            entry.outcome.set_result(outcome)


async def gather(queue: Sized, expected: int) -> None:
    """Wait a moment for a number of calls.  Without it a crowd falls apart into those that came first and the rest."""
    until = time.monotonic() + GATHER_SECONDS
    while len(queue) < expected and time.monotonic() < until:  # noqa: ASYNC110  # an event for each call costs more
        await asyncio.sleep(LOOK_SECONDS)
