"""Single-flight: who asks for the same at the same time shares one probe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flight(Generic[T]):
    """A probe under way, and how many wait for it."""

    __slots__ = ("ends_at", "task", "waiting")

    def __init__(self, task: asyncio.Task[T], ends_at: float) -> None:
        self.task = task
        self.ends_at = ends_at
        self.waiting = 0


class Flights(Generic[T]):
    """Probes under way on this event loop."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, Flight[T]] = {}

    async def join(
        self, key: Hashable, *, ends_at: float, slack: float, start: Callable[[], Coroutine[Any, Any, T]]
    ) -> T:
        """Wait for the flight of `key` that ends within `slack` seconds of `ends_at`, or start one.

        The flight ends when nobody waits for it any more.
        """
        flight = self._flights.get(key)
        if flight is None or abs(flight.ends_at - ends_at) > slack:
            flight = Flight(asyncio.ensure_future(start()), ends_at)
            self._flights[key] = flight
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()  # does nothing to one that is done
            if (flight.task.done() or not flight.waiting) and self._flights.get(key) is flight:
                del self._flights[key]
