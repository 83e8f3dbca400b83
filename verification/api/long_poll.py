"""Lets callers of the event feed wait for news without holding a thread.

Django answers at once.  When its answer says that there is nothing yet, and where news would show, the call waits here,
and Django is asked once more.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

from verification.api.asgi import HungUp, Receive, Scope, Send, unless_gone
from verification.api.live_desks import Desks
from verification.domain import news
from verification.domain.news import News

PATHS = re.compile(r"/api/v1/(?:jobs/[0-9A-Fa-f-]{36}/)?events")
LONGEST_WAIT_SECONDS = 30
PLACE = "X-Feed-Place"  # between the view and this layer only
Messages = list[dict[str, object]]
Django = Callable[[Scope, Receive, Send], Awaitable[None]]


class LongPoll:
    """The ASGI callable of PATHS."""

    def __init__(self, desks: Desks, django: Django) -> None:
        self.desks = desks
        self.django = django
        self._news: WeakKeyDictionary[asyncio.AbstractEventLoop, News] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with suppress(HungUp):
            answer, place = await self.ask(scope)
            seconds = wait_of(scope)
            if place and seconds:
                await unless_gone((await self.news()).wait(news.read(place), seconds), receive)
                answer, _ = await self.ask(scope)
            for message in answer:
                await send(message)

    async def ask(self, scope: Scope) -> tuple[Messages, str]:
        """Have Django answer; gives its messages, and the place it names."""
        messages: Messages = []
        is_asked = False

        async def receive() -> dict[str, object]:
            nonlocal is_asked
            if is_asked:
                await asyncio.Event().wait()  # until Django has answered and listens no more
            is_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, object]) -> None:
            messages.append(message)

        await self.django(dict(scope), receive, send)  # type: ignore[arg-type]  # as narrow as we write them
        name, place = PLACE.lower().encode(), b""
        for message in messages:
            headers: list[tuple[bytes, bytes]] = message.get("headers", [])  # type: ignore[assignment]
            place = next((value for key, value in headers if key.lower() == name), place)
            if headers:
                message["headers"] = [pair for pair in headers if pair[0].lower() != name]
        return messages, place.decode("ascii")

    async def news(self) -> News:
        """Give those of this loop who wait."""
        loop = asyncio.get_running_loop()
        if loop not in self._news:
            self._news[loop] = News((await self.desks.desk()).pool.connection)
        return self._news[loop]


def wait_of(scope: Scope) -> float:
    """Give the seconds that a call may wait; the view refuses what is no number of them."""
    values = parse_qs(scope["query_string"].decode("latin-1")).get("wait", ["0"])
    text = values[0] if len(values) == 1 else "0"
    return min(int(text), LONGEST_WAIT_SECONDS) if re.fullmatch(r"\d{1,2}", text, re.ASCII) else 0
