"""How many connections a mail-host organisation gets from us at once, and when it gets none."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

FIRST_SLOTS = 2
REFUSALS_BEFORE_PAUSE = 3
FIRST_PAUSE_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 4 * 3600.0
MAX_ORGANISATIONS = 20_000


class HeldBackError(Exception):
    """The organisation refused us lately; no connection for `seconds` more."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"held back for {seconds:.0f} s")
        self.seconds = seconds


class Pacing(Protocol):
    """The limiter that the engine is handed.  Every `acquire` that returns is followed by one `release`."""

    async def acquire(self, organisation: str) -> None:
        """Wait for a connection's slot.  Raises HeldBackError at once, or later while waiting."""

    def release(self, organisation: str) -> None:
        """Give a slot back."""

    def answered(self, organisation: str) -> None:
        """Note that a group of recipients was answered: one slot more is fine."""

    def refused(self, organisation: str) -> None:
        """Note that a connection was refused because of us."""

    def contended(self, organisation: str) -> bool:
        """Tell whether others wait for a slot, so that a long session should end."""


@dataclass(slots=True)
class _Organisation:
    slots: int
    used: int = 0
    refusals: int = 0  # in a row
    pauses: int = 0  # in a row
    held_until: float = 0.0
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class InProcessPacing:
    """Pacing for one process: 2 slots at first, one more per answered group up to `per_host`.

    Three refusals in a row pause the organisation for 5 minutes, the next three for twice as long.
    """

    def __init__(self, per_host: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_host = max(1, per_host)
        self._clock = clock
        self._organisations: dict[str, _Organisation] = {}

    async def acquire(self, organisation: str) -> None:
        """Wait for a slot, first come first served.  Raises HeldBackError."""
        state = self._state(organisation)
        self._check(state)
        if state.used < state.slots and not state.waiting:
            state.used += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        state.waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release(organisation)  # given and cancelled at the same moment
            elif turn in state.waiting:
                state.waiting.remove(turn)
            raise

    def release(self, organisation: str) -> None:
        """Give a slot back."""
        state = self._state(organisation)
        state.used -= 1
        self._admit(state)

    def answered(self, organisation: str) -> None:
        """Note that a group of recipients was answered."""
        state = self._state(organisation)
        state.refusals = state.pauses = 0
        if state.slots < self._per_host:
            state.slots += 1
            self._admit(state)

    def refused(self, organisation: str) -> None:
        """Note a refusal: one slot at a time from now on, none after three in a row."""
        state = self._state(organisation)
        state.slots = 1
        state.refusals += 1
        if state.refusals < REFUSALS_BEFORE_PAUSE:
            return
        pause = min(FIRST_PAUSE_SECONDS * 2**state.pauses, LONGEST_PAUSE_SECONDS)
        state.held_until = self._clock() + pause
        state.refusals = 0
        state.pauses += 1
        while state.waiting:
            turn = state.waiting.popleft()
            if not turn.done():
                turn.set_exception(HeldBackError(pause))

    def contended(self, organisation: str) -> bool:
        """Tell whether others wait for a slot."""
        return bool(self._state(organisation).waiting)

    def _check(self, state: _Organisation) -> None:
        left = state.held_until - self._clock()
        if left > 0:
            raise HeldBackError(left)

    def _admit(self, state: _Organisation) -> None:
        while state.waiting and state.used < state.slots:
            turn = state.waiting.popleft()
            if not turn.done():
                state.used += 1
                turn.set_result(None)

    def _state(self, organisation: str) -> _Organisation:
        state = self._organisations.get(organisation)
        if state is None:
            if len(self._organisations) >= MAX_ORGANISATIONS:
                self._forget()
            state = self._organisations[organisation] = _Organisation(min(FIRST_SLOTS, self._per_host))
        return state

    def _forget(self) -> None:
        """Drop those that nobody uses and that are not held back; most are."""
        now = self._clock()
        busy = {
            name: state
            for name, state in self._organisations.items()
            if state.used or state.waiting or state.held_until > now
        }
        self._organisations = busy
