"""Answers of the API to callers who were not asked who they are still say how these stand: as nobody does."""

from __future__ import annotations

from accounts.domain.standing import NOBODY, headers
from portal.http.types import Application, Message, Receive, Scope, Send

ROOTS = ("/api/emh/", "/api/v1/", "/v3/", "/customer/")
HEADERS = [(name.encode(), value.encode()) for name, value in headers(NOBODY).items()]
FIRST = HEADERS[0][0].lower()


class Standings:
    """Adds the headers of a caller's standing where the answer has none: refused bodies, outages, no such path."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not scope["path"].startswith(ROOTS):
            await self.app(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                if all(name.lower() != FIRST for name, _ in given):
                    message["headers"] = [*given, *HEADERS]
            await send(message)

        await self.app(scope, receive, tell)
