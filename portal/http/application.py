"""Puts the layers together, from the outside in: request ids, standings, a last net, bounds of bodies, routes."""

from __future__ import annotations

from portal.http.bodies import DEFAULT_BOUNDS, BodyGuard, Bounds
from portal.http.django import Django
from portal.http.last_resort import LastResort
from portal.http.request_ids import RequestIds
from portal.http.standings import Standings
from portal.http.types import Application, Receive, Scope, Send
from verification.api import edition3, verify
from verification.api.live import PATHS, LiveCheck
from verification.api.live_desks import Desks
from verification.api.long_poll import PATHS as FEEDS
from verification.api.long_poll import LongPoll
from verification.engine.memory import LASTING, collect_less_often
from verification.web.verify_asgi import PATHS as VERIFY_PAGES
from verification.web.verify_asgi import VerifyPage


class Portal:
    """Sends calls that may wait to callables of ours, all others to Django; opens and closes what they need."""

    def __init__(self) -> None:
        self.desks = Desks()
        self.live = LiveCheck(self.desks)
        self.verify = verify.Verify(self.desks)
        self.edition3 = edition3.Edition3(self.desks)
        self.django = Django()
        self.verify_page = VerifyPage(self.desks.desk, self.django)  # type: ignore[arg-type]  # stubs narrow `send`
        self.long_poll = LongPoll(self.desks, self.django)  # type: ignore[arg-type]  # stubs narrow `send`

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PATHS:
            await self.live(scope, receive, send)
        elif scope["path"] == verify.PATH:
            await self.verify(scope, receive, send)
        elif scope["path"].startswith(edition3.ROOTS):
            await self.edition3(scope, receive, send)
        elif scope["method"] == "GET" and FEEDS.fullmatch(scope["path"]):
            await self.long_poll(scope, receive, send)
        elif scope["method"] == "POST" and VERIFY_PAGES.fullmatch(scope["path"]):
            await self.verify_page(dict(scope), receive, send)
        else:
            await self.django(dict(scope), receive, send)  # type: ignore[arg-type]  # stubs narrow `send`


def build(bounds: Bounds = DEFAULT_BOUNDS) -> Application:
    """Give the ASGI application."""
    portal = Portal()
    requests = RequestIds(Standings(LastResort(BodyGuard(portal, bounds))))

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(portal, receive, send)
        elif scope["type"] == "http":
            await requests(scope, receive, send)
        else:
            await send({"type": "websocket.close"})

    return application


async def lifespan(portal: Portal, receive: Receive, send: Send) -> None:
    """Start at once: pool and engine open with their first use.  Close them at the end."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            collect_less_often(LASTING)
            await send({"type": "lifespan.startup.complete"})
        else:
            await portal.desks.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
