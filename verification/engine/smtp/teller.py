"""Tells those who wait before a mail host what came of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from verification.engine.smtp.catch_all import CatchAllMemory
from verification.engine.smtp.queue import Inquiry, Outcome
from verification.engine.types import Attempt, Meaning, Stage

if TYPE_CHECKING:
    from verification.engine.smtp.desk import Route

log = logging.getLogger(__name__)


class Teller:
    """Speaks for one route; what is heard of random recipients goes to the memory of catch-alls."""

    def __init__(self, catch_alls: CatchAllMemory, route: Route) -> None:
        self._catch_alls = catch_alls
        self._route = route
        self._loop = asyncio.get_running_loop()

    def settle(self, inquiries: Iterable[Inquiry], outcome: Outcome) -> None:
        """Tell all of them the same."""
        for inquiry in inquiries:
            if inquiry.is_wanted:
                assert inquiry.answer is not None
                inquiry.answer.set_result(self.attempt(inquiry, outcome))
            elif inquiry.is_random and outcome.stage is Stage.RCPT and not outcome.trouble:
                self._catch_alls.settle(inquiry.domain, outcome.meaning, self._route.host)
            else:
                self.give_up([inquiry])

    def give_up(self, inquiries: Iterable[Inquiry]) -> None:
        """Let go of random recipients that were not asked for."""
        for inquiry in inquiries:
            if inquiry.is_random:
                self._catch_alls.give_up(inquiry.domain)

    def fail(self, error: BaseException, inquiries: Iterable[Inquiry]) -> None:
        """Hand a bug of ours to those who wait, so that nobody waits for ever."""
        log.error("A session at %s broke down", self._route.address, exc_info=error)
        for inquiry in inquiries:
            if inquiry.is_wanted:
                assert inquiry.answer is not None
                inquiry.answer.set_exception(RuntimeError(f"a session broke down: {error!r}"))
            else:
                self.give_up([inquiry])

    def attempt(self, inquiry: Inquiry, outcome: Outcome) -> Attempt:
        """Give an outcome as the evidence of one recipient."""
        waited = round((self._loop.time() - inquiry.asked_at) * 1000)
        if outcome.meaning is Meaning.NO_SMTPUTF8 and not inquiry.smtputf8:
            outcome = Outcome(outcome.stage, outcome.reply, source=outcome.source, tls=outcome.tls)
        return outcome.attempt(self._route.host, self._route.address, waited)
