"""How many connections a mail-host organisation gets from us at once, and when it gets none."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

FIRST_SLOTS = 2
REFUSALS_BEFORE_PAUSE = 3
FIRST_PAUSE_SECONDS = 300.0
LONGEST_PAUSE_SECONDS = 4 * 3600.0
MAX_ORGANISATIONS = 8_000


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
class Gate:
    """Lets `slots` through at a time, first come first served.

    `waiting` is None while nobody waits: thousands of gates are remembered, and an empty deque weighs 600 bytes.
    """

    slots: int = 0
    used: int = 0
    waiting: deque[asyncio.Future[None]] | None = None

    async def enter(self) -> None:
        """Wait for a slot.  Raises whatever `turn_away` is given."""
        if self.used < self.slots and not self.waiting:
            self.used += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.waiting is None:
            self.waiting = deque()
        self.waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # given and cancelled at the same moment
            elif self.waiting is not None and turn in self.waiting:
                self.waiting.remove(turn)
                self._forget_the_line()
            raise

    def leave(self) -> None:
        """Give a slot back."""
        self.used -= 1
        self.admit()

    def admit(self) -> None:
        """Let in as many as there are slots."""
        while self.waiting and self.used < self.slots:
            turn = self.waiting.popleft()
            if not turn.done():
                self.used += 1
                turn.set_result(None)
        self._forget_the_line()

    def turn_away(self, error: Callable[[], Exception]) -> None:
        """Raise an error at all who wait."""
        turns, self.waiting = self.waiting, None
        for turn in turns or ():
            if not turn.done():
                turn.set_exception(error())

    def _forget_the_line(self) -> None:
        if not self.waiting:
            self.waiting = None


@dataclass(slots=True)
class _Organisation:
    gate: Gate
    refusals: int = 0  # in a row
    pauses: int = 0  # in a row
    held_until: float = 0.0


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
        await state.gate.enter()

    def release(self, organisation: str) -> None:
        """Give a slot back."""
        self._state(organisation).gate.leave()

    def answered(self, organisation: str) -> None:
        """Note that a group of recipients was answered."""
        state = self._state(organisation)
        state.refusals = state.pauses = 0
        if state.gate.slots < self._per_host:
            state.gate.slots += 1
            state.gate.admit()

    def refused(self, organisation: str) -> None:
        """Note a refusal: one slot at a time from now on, none after three in a row."""
        state = self._state(organisation)
        state.gate.slots = 1
        state.refusals += 1
        if state.refusals < REFUSALS_BEFORE_PAUSE:
            return
        pause = min(FIRST_PAUSE_SECONDS * 2**state.pauses, LONGEST_PAUSE_SECONDS)
        state.held_until = self._clock() + pause
        state.refusals = 0
        state.pauses += 1
        state.gate.turn_away(lambda: HeldBackError(pause))

    def contended(self, organisation: str) -> bool:
        """Tell whether others wait for a slot."""
        return bool(self._state(organisation).gate.waiting)

    def _check(self, state: _Organisation) -> None:
        left = state.held_until - self._clock()
        if left > 0:
            raise HeldBackError(left)

    def _state(self, organisation: str) -> _Organisation:
        state = self._organisations.get(organisation)
        if state is None:
            if len(self._organisations) >= MAX_ORGANISATIONS:
                self._forget()
            state = self._organisations[organisation] = _Organisation(Gate(min(FIRST_SLOTS, self._per_host)))
        return state

    def _forget(self) -> None:
        """Drop those that nobody uses and that are not held back; most are."""
        now = self._clock()
        busy = {
            name: state
            for name, state in self._organisations.items()
            if state.gate.used or state.gate.waiting or state.held_until > now
        }
        self._organisations = busy
