"""Deadlines by the thousand: those of equal length fall due in the order they were set, so one timer serves all."""

from __future__ import annotations

import asyncio
from types import TracebackType

EARLY_SECONDS = 0.001  # timers may strike that much early


class Deadlines:
    """Makes deadlines on one event loop.  At 10,000 addresses a second a timer for each would cost a tenth of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._rows: dict[float, dict[Deadline, None]] = {}  # by length in seconds, oldest first

    def within(self, seconds: float) -> Deadline:
        """Give a deadline for a `with` block, which raises TimeoutError where it strikes."""
        return Deadline(self, seconds)

    def add(self, deadline: Deadline) -> None:
        """Let it run."""
        row = self._rows.get(deadline.seconds)
        if row is None:
            row = self._rows[deadline.seconds] = {}
            self.loop.call_at(deadline.when, self._strike, deadline.seconds)
        row[deadline] = None

    def remove(self, deadline: Deadline) -> None:
        """Forget it, if it has not struck."""
        self._rows.get(deadline.seconds, {}).pop(deadline, None)

    def _strike(self, seconds: float) -> None:
        """Strike those that are due, and come again for the next."""
        row = self._rows[seconds]
        now = self.loop.time() + EARLY_SECONDS
        while row and (first := next(iter(row))).when <= now:
            del row[first]
            first.strike()
        if row:
            self.loop.call_at(next(iter(row)).when, self._strike, seconds)
        else:
            del self._rows[seconds]


class Deadline:
    """Cancels the task inside its `with` block when time is up, as asyncio.timeout does."""

    __slots__ = ("_cancelling", "_deadlines", "_has_struck", "_task", "seconds", "when")

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self._deadlines = deadlines
        self._has_struck = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.seconds = seconds
        self.when = 0.0

    def __enter__(self) -> None:
        loop = self._deadlines.loop
        self._task = asyncio.current_task(loop)
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        self.when = loop.time() + self.seconds
        self._deadlines.add(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._has_struck:
            self._deadlines.remove(self)
            return
        assert self._task is not None
        # A cancellation from elsewhere at the same moment goes first.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def strike(self) -> None:
        assert self._task is not None
        self._has_struck = True
        self._task.cancel()
