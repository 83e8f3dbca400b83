"""`GET /api/emh/a/v2` without Django's handler: a call may wait a minute and must not hold a thread meanwhile."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any

import psycopg

from accounts.domain.config import FeatureDisabled
from accounts.domain.quota import QuotaExceeded
from accounts.domain.refusals import AccessRefused, AccountDisabled, KeyExpired
from verification.api import live_query
from verification.api.live_desks import Desks
from verification.domain.live import LiveOutcome, LiveRequest, check_one

logger = logging.getLogger("verification.api.live")

PATH = "/api/emh/a/v2"
SANDBOX_PATH = "/api/emh/a/v2/sandbox"
PATHS = frozenset((PATH, SANDBOX_PATH))
RETRY_AFTER_SECONDS = 5

Scope = MutableMapping[str, Any]  # Any: ASGI
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def text(status: int, phrase: str, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(status, phrase.encode(), ((b"Content-Type", b"text/plain; charset=utf-8"), *headers))


METHOD_NOT_ALLOWED = text(405, "Method not allowed.", (b"Allow", b"GET, HEAD"))
SERVER_ERROR = text(500, "Server error. Nothing was charged; please try again.")
UNAVAILABLE = text(
    503,
    "Server error. The service is not available for the moment; nothing was charged.",
    (b"Retry-After", str(RETRY_AFTER_SECONDS).encode()),
)


class LiveCheck:
    """The ASGI callable of PATHS."""

    def __init__(self, desks: Desks) -> None:
        self.desks = desks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.monotonic()
        reply = await self.reply(scope, receive)
        elapsed = (time.monotonic() - started) * 1000
        logger.info("%s %s %s %.0f ms", scope["method"], scope["path"], reply.status if reply else "gone", elapsed)
        if reply is not None:
            await answer(scope, send, reply)

    async def reply(self, scope: Scope, receive: Receive) -> Reply | None:
        """Give the answer; None when the caller hung up."""
        if scope["method"] not in ("GET", "HEAD"):
            return METHOD_NOT_ALLOWED
        try:
            request = read(scope)
        except live_query.BadRequest as fault:
            return text(400, f"Bad request. Reason:{fault}")
        try:
            outcome = await unless_gone(self.check(request), receive)
        except (AccessRefused, FeatureDisabled, QuotaExceeded) as refusal:
            return refuse(refusal)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            logger.warning("no database: %s", error)
            return UNAVAILABLE
        except Exception:
            logger.exception("live check failed")
            return SERVER_ERROR
        return None if outcome is None else found(outcome)

    async def check(self, request: LiveRequest) -> LiveOutcome:
        return await check_one(await self.desks.desk(), request)


def read(scope: Scope) -> LiveRequest:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    return live_query.read(
        query=scope["query_string"],
        authorization=headers.get(b"authorization", ""),
        license_key=headers.get(b"x-license-key", ""),
        sandbox=scope["path"] == SANDBOX_PATH,
    )


def refuse(refusal: AccessRefused | FeatureDisabled | QuotaExceeded) -> Reply:
    if isinstance(refusal, QuotaExceeded):
        return text(401, "Invalid license key. Reason:Insufficient quota", (b"X-Quota-Remaining", b"0"))
    if isinstance(refusal, KeyExpired):
        return text(401, "Invalid license key. Reason:Key expired")
    if isinstance(refusal, AccountDisabled | FeatureDisabled):
        return text(401, "Invalid license key. Reason:Account disabled")
    return text(401, "Invalid license key. Reason:Invalid key")


def found(outcome: LiveOutcome) -> Reply:
    headers = (
        (b"Content-Type", b"application/json"),
        (b"X-Quota-Remaining", str(outcome.quota_left).encode()),
    )
    return Reply(200, json.dumps(outcome.answer.contract_fields(), ensure_ascii=False).encode(), headers)


async def unless_gone(work: Coroutine[Any, Any, LiveOutcome], receive: Receive) -> LiveOutcome | None:
    """Await the work, or break it off when the caller hangs up; then None."""
    working = asyncio.ensure_future(work)
    listening = asyncio.ensure_future(hang_up(receive))
    try:
        await asyncio.wait({working, listening}, return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        listening.cancel()
        if not working.done():
            working.cancel()
            await asyncio.wait({working})


async def hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer(scope: Scope, send: Send, reply: Reply) -> None:
    headers = [
        *reply.headers,
        (b"Content-Length", str(len(reply.body)).encode()),
        (b"Cache-Control", b"no-store, private"),
        (b"X-Content-Type-Options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})
