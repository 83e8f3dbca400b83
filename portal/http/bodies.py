"""Bounds of request bodies: size, silence, drip, and who may send a big one.

Django spools a whole body before any of its code runs, so bodies are counted here, on their way to it.  Nothing is
kept: memory stays flat whatever comes.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from django.db import Error as DatabaseError

from portal.http import credentials, refusals
from portal.http.refusals import Refusal
from portal.http.routes import Credential, Route, loggable, route_of
from portal.http.types import Application, Message, Receive, Scope, Send, header

logger = logging.getLogger("portal.request")
GONE: Message = {"type": "http.disconnect"}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How a body may come: seconds between two pieces, and a mean rate once the grace is over."""

    idle_seconds: float = 30.0
    grace_seconds: float = 60.0
    bytes_per_second: int = 16_000
    anonymous_bytes: int = 65_536
    linger_seconds: float = 3.0  # reading on after a refusal, so that callers that write on get to read it


DEFAULT_BOUNDS = Bounds()


class BodyGuard:
    """Lets an application have bodies within the bounds of their route; answers the others itself."""

    def __init__(self, app: Application, bounds: Bounds = DEFAULT_BOUNDS) -> None:
        self.app = app
        self.bounds = bounds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not (header(scope, b"content-length") or header(scope, b"transfer-encoding")):
            await self.app(scope, receive, send)
            return
        body = Body(scope, receive, self.bounds)
        begun = False

        async def note(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        await body.check_announced()
        if body.refusal is None:
            await self.app(scope, body.receive, note)
        if body.refusal is not None and not begun:
            await self.refuse(scope, receive, send, body)

    async def refuse(self, scope: Scope, receive: Receive, send: Send, body: Body) -> None:
        assert body.refusal is not None
        logger.info(
            "%s %s %s after %d bytes",
            scope["method"],
            loggable(scope["path"]),
            body.refusal.status.value,
            body.received,
        )
        await refusals.start(send, body.refusal, body.route.shape)
        if header(scope, b"expect") is None:
            await self.linger(receive)
        await send({"type": "http.response.body", "body": b""})

    async def linger(self, receive: Receive) -> None:
        """Read what is still on its way: closing on unread data would reset the connection and lose the answer."""
        try:
            async with asyncio.timeout(self.bounds.linger_seconds):
                while (await receive()).get("more_body", False):
                    pass
        except TimeoutError:
            pass


class Body:
    """A body on its way; once it breaks a bound the application sees a caller who hung up."""

    def __init__(self, scope: Scope, receive: Receive, bounds: Bounds) -> None:
        self.route: Route = route_of(scope["method"], scope["path"])
        self.refusal: Refusal | None = None
        self.received = 0
        self._scope = scope
        self._receive = receive
        self._bounds = bounds
        self._is_complete = False
        self._is_known = self.route.credential is Credential.NONE
        self._started = asyncio.get_running_loop().time()

    async def check_announced(self) -> None:
        length = header(self._scope, b"content-length")
        if length is not None:
            await self.check_size(int(length))

    async def receive(self) -> Message:
        """Give the next message, or http.disconnect when a bound is broken; see `refusal`."""
        if self._is_complete:
            return await self._receive()
        if self.refusal is not None:
            return GONE
        try:
            async with asyncio.timeout(self.patience()):
                message = await self._receive()
        except TimeoutError:
            self.refusal = refusals.TOO_SLOW
            return GONE
        if message["type"] != "http.request":
            return message
        self.received += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        await self.check_size(self.received)
        return message if self.refusal is None else GONE

    def patience(self) -> float:
        """Give the seconds until the next piece must be there."""
        bounds = self._bounds
        elapsed = asyncio.get_running_loop().time() - self._started
        return min(bounds.idle_seconds, bounds.grace_seconds + self.received / bounds.bytes_per_second - elapsed)

    async def check_size(self, size: int) -> None:
        if size > self.route.limit:
            self.refusal = refusals.TOO_LARGE
        elif size > self._bounds.anonymous_bytes and not self._is_known:
            await self.check_credential()

    async def check_credential(self) -> None:
        try:
            self._is_known = await credentials.holds(self._scope, self.route.credential)
        except DatabaseError as error:
            logger.warning("no database to check a credential by: %s", error)
            self.refusal = refusals.UNAVAILABLE
            return
        if not self._is_known:
            needs_key = self.route.credential is Credential.LICENSE_KEY
            self.refusal = refusals.NOBODY if needs_key else refusals.NO_SESSION
