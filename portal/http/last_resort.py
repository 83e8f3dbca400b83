"""The last net: an exception that nobody caught, even while an error page was made, still gets a decent answer."""

from __future__ import annotations

import logging

from portal.http import refusals
from portal.http.faults import refusal_of
from portal.http.routes import loggable, route_of
from portal.http.types import Application, Message, Receive, Scope, Send

logger = logging.getLogger("portal.request")


class LastResort:
    """Answers 500, 503 or 507 in the shape of the route when the application breaks before it answered."""

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, note)
        except Exception as error:
            if begun:
                raise  # the server breaks the connection off, so that half an answer does not pass for a whole one
            logger.exception("%s %s broke", scope["method"], loggable(scope["path"]))
            await refusals.start(send, refusal_of(error), route_of(scope["method"], scope["path"]).shape)
            await send({"type": "http.response.body", "body": b""})
