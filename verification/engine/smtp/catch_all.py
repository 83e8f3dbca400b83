"""What is remembered of domains that accept everybody: one question per domain, asked by one, known to all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from verification.engine.memory import Memory
from verification.engine.strangers import stranger
from verification.engine.types import CatchAll, CatchAllState, Meaning

REMEMBER_SECONDS = 24 * 3600
MAX_DOMAINS = 40_000  # in this process; the database remembers all
MAX_TRIES = 3  # of the same recipient, where the answer before was transient (greylisting)

NOT_TESTED = CatchAll()

_STATES = {
    Meaning.ACCEPTED: CatchAllState.YES,
    Meaning.NO_MAILBOX: CatchAllState.NO,
}
_TRANSIENT = frozenset({Meaning.GREYLISTED, Meaning.SERVER_BROKEN, Meaning.WE_ARE_REFUSED})


@dataclass(slots=True)
class _Known:
    probe: CatchAll
    local_part: str = ""
    tries: int = 1
    transient: bool = False


class CatchAllMemory:
    """Dated probes by domain; `clock` gives Unix time."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._known: Memory[str, _Known] = Memory(MAX_DOMAINS)
        self._asking: dict[str, tuple[str, asyncio.Future[CatchAll]]] = {}

    def known(self, domain: str) -> CatchAll | None:
        """Give the probe of a domain that is not older than a day."""
        known = self._fresh(domain)
        return known.probe if known else None

    def remember(self, domain: str, probe: CatchAll) -> None:
        """Take a probe made by another process."""
        self._known.put(domain, _Known(probe))

    def claim(self, domain: str, *, accepted: bool = False) -> str:
        """Give the local part to ask for, "" when it is known or being asked.

        Once somebody of the domain was `accepted`, a transient answer is worth a second look at the same recipient.
        """
        if domain in self._asking:
            return ""
        known = self._fresh(domain)
        if known is None:
            local_part = stranger()
        elif accepted and known.transient and known.tries < MAX_TRIES:
            local_part = known.local_part
        else:
            return ""
        self._asking[domain] = (local_part, asyncio.get_running_loop().create_future())
        return local_part

    def settle(self, domain: str, meaning: Meaning, host: str) -> None:
        """Note what the server said of the random recipient."""
        if domain not in self._asking:
            return
        local_part, asking = self._asking.pop(domain)
        before = self._fresh(domain)
        probe = CatchAll(_STATES.get(meaning, CatchAllState.INCONCLUSIVE), int(self._clock()), host)
        tries = before.tries + 1 if before else 1
        transient = meaning in _TRANSIENT
        self._known.put(domain, _Known(probe, local_part if transient else "", tries, transient))
        if not asking.done():
            asking.set_result(probe)

    def give_up(self, domain: str) -> None:
        """Note that the question was not answered; who comes next may ask again."""
        if domain in self._asking:
            _, asking = self._asking.pop(domain)
            if not asking.done():
                asking.set_result(CatchAll(CatchAllState.INCONCLUSIVE, int(self._clock())))

    async def of(self, domain: str) -> CatchAll:
        """Give what is known, waiting for a question under way."""
        if domain in self._asking:
            return await asyncio.shield(self._asking[domain][1])
        return self.known(domain) or NOT_TESTED

    def _fresh(self, domain: str) -> _Known | None:
        known = self._known.get(domain)
        if known is not None and self._clock() - known.probe.probed_at >= REMEMBER_SECONDS:
            self._known.drop(domain)
            return None
        return known
