"""`GET /api/emh/a/v2` without Django's handler: a call may wait a minute and must not hold a thread meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

import psycopg

from accounts.domain.config import FeatureDisabled
from accounts.domain.quota import QuotaExceeded
from accounts.domain.refusals import AccessRefused, AccountDisabled, KeyExpired
from verification.api import live_query
from verification.api.asgi import (
    RETRY_AFTER,
    HungUp,
    Receive,
    Reply,
    Scope,
    Send,
    as_json,
    client_of,
    headers_of,
    serve,
    unless_gone,
)
from verification.api.live_desks import Desks
from verification.domain.live import LiveOutcome, LiveRequest, check_one

logger = logging.getLogger("verification.api.live")

PATH = "/api/emh/a/v2"
SANDBOX_PATH = "/api/emh/a/v2/sandbox"
PATHS = frozenset((PATH, SANDBOX_PATH))


def text(status: int, phrase: str, *headers: tuple[bytes, bytes]) -> Reply:
    return Reply(status, phrase.encode(), ((b"Content-Type", b"text/plain; charset=utf-8"), *headers))


METHOD_NOT_ALLOWED = text(405, "Method not allowed.", (b"Allow", b"GET, HEAD"))
SERVER_ERROR = text(500, "Server error. Nothing was charged; please try again.")
UNAVAILABLE = text(
    503,
    "Server error. The service is not available for the moment; nothing was charged.",
    RETRY_AFTER,
)


class LiveCheck:
    """The ASGI callable of PATHS."""

    def __init__(self, desks: Desks) -> None:
        self.desks = desks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(scope, send, self.reply(scope, receive), logger=logger)

    async def reply(self, scope: Scope, receive: Receive) -> Reply:
        """Give the answer.  Raises HungUp."""
        if scope["method"] not in ("GET", "HEAD"):
            return METHOD_NOT_ALLOWED
        try:
            request = read(scope)
        except live_query.BadRequest as fault:
            return text(400, f"Bad request. Reason:{fault}")
        return await translated(self.answer(request, receive))

    async def answer(self, request: LiveRequest, receive: Receive) -> Reply:
        return found(await unless_gone(self.check(request), receive))

    async def check(self, request: LiveRequest) -> LiveOutcome:
        return await check_one(await self.desks.desk(), request)


async def translated(replying: Awaitable[Reply]) -> Reply:
    """Give a reply, or the phrase for why there is none.  Raises HungUp."""
    try:
        return await replying
    except (AccessRefused, FeatureDisabled, QuotaExceeded) as refusal:
        return refuse(refusal)
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        logger.warning("no database: %s", error)
        return UNAVAILABLE
    except HungUp:
        raise
    except Exception:
        logger.exception("live check failed")
        return SERVER_ERROR


def read(scope: Scope) -> LiveRequest:
    headers = headers_of(scope)
    return live_query.read(
        query=scope["query_string"],
        authorization=headers.get(b"authorization", ""),
        license_key=headers.get(b"x-license-key", ""),
        sandbox=scope["path"] == SANDBOX_PATH,
        client=client_of(scope),
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
    left = (b"X-Quota-Remaining", str(outcome.quota_left).encode())
    return as_json(200, outcome.answer.contract_fields(), left)
