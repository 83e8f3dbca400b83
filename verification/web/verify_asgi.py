"""Holds the answer to a form back until its address is checked, without holding a thread.

Django decides on the form (session, CSRF, role, quota) and answers at once with a redirect; a header that never leaves
this layer says what is to be checked.  The check is made on the event loop, as live calls are; then the redirect goes
out, to the check's own page.  A reader who leaves meanwhile finds it in the history.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from verification.domain import page_checks
from verification.domain.live import Desk
from verification.domain.page_checks import Asked

ASKED = "X-Page-Check"  # between the view and this layer only
PATHS = re.compile(r"/a/[^/]+/verify")
MOST_OF_AN_ACCOUNT = 10  # at once
MOST = 200  # of all accounts
KEPT_REDIRECTS = 1_000  # of forms answered lately, should they be sent again

Scope = MutableMapping[str, Any]  # Any: ASGI's types
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
logger = logging.getLogger(__name__)


class VerifyPage:
    """The ASGI callable of PATHS for POST."""

    def __init__(self, desk: Callable[[], Awaitable[Desk]], django: Application) -> None:
        self.desk = desk
        self.django = django
        self._working: dict[str, asyncio.Task[str]] = {}
        self._of_accounts: Counter[int] = Counter()
        self._answered: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked: Asked | None = None

        async def look(message: Message) -> None:
            nonlocal asked
            if message["type"] == "http.response.start":
                asked = take_asked(message)
                if asked is not None:
                    set_location(message, scope["path"].removesuffix("verify") + await self.where(asked))
            await send(message)

        await self.django(scope, receive, look)

    async def where(self, asked: Asked) -> str:
        """Have the address checked; gives the page to go on to."""
        if asked.reference in self._answered:
            return self._answered[asked.reference]
        working = self._working.get(asked.reference)
        if working is None:
            if len(self._working) >= MOST or self._of_accounts[asked.account_id] >= MOST_OF_AN_ACCOUNT:
                await page_checks.give_back(await self.desk(), asked)
                return "verify?said=busy"
            working = self._working[asked.reference] = asyncio.create_task(self.check(asked))
            self._of_accounts[asked.account_id] += 1
        return await asyncio.shield(working)

    async def check(self, asked: Asked) -> str:
        try:
            desk = await self.desk()
            try:
                check_id = await page_checks.run(desk, asked)
            except Exception:  # whatever it was: told of, and not charged
                logger.exception("a check from a page failed")
                await page_checks.give_back(desk, asked)
                return "verify?said=failed"
            answered = "checks" if check_id is None else f"checks/{check_id}"
            self._answered[asked.reference] = answered
            if len(self._answered) > KEPT_REDIRECTS:
                del self._answered[next(iter(self._answered))]
            return answered
        finally:
            del self._working[asked.reference]
            self._of_accounts[asked.account_id] -= 1
            self._of_accounts += Counter()  # drops the zeros


def take_asked(message: Message) -> Asked | None:
    """Take out of an answer what is to be checked."""
    name = ASKED.lower().encode()
    found = [value for key, value in message["headers"] if key.lower() == name]
    message["headers"] = [pair for pair in message["headers"] if pair[0].lower() != name]
    return Asked.from_text(found[0].decode("ascii")) if found else None


def set_location(message: Message, location: str) -> None:
    rest = [pair for pair in message["headers"] if pair[0].lower() != b"location"]
    message["headers"] = [*rest, (b"Location", location.encode("ascii"))]
