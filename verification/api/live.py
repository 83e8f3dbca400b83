"""`GET /api/emh/a/v2` without Django's handler: a call may wait a minute and must not hold a thread meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Awaitable

import psycopg

from accounts.domain.config import FeatureDisabled
from accounts.domain.keys import check_format
from accounts.domain.quota import QuotaExceeded
from accounts.domain.refusals import AccessRefused, AccountDisabled, KeyExpired, TooManyCalls
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
from verification.domain.live import LiveOutcome, LiveRequest, check_one, who_asks

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
            return await self.told(METHOD_NOT_ALLOWED, scope)
        try:
            request = read(scope)
        except live_query.BadRequest as fault:
            return await self.told(text(400, f"Bad request. Reason:{fault}"), scope)
        return await translated(self.answer(request, receive))

    async def told(self, reply: Reply, scope: Scope) -> Reply:
        headers = headers_of(scope)
        secret = live_query.secret_of(
            query=scope["query_string"],
            authorization=headers.get(b"authorization", ""),
            license_key=headers.get(b"x-license-key", ""),
        )
        return await told(self.desks, reply, secret, client_of(scope))

    async def answer(self, request: LiveRequest, receive: Receive) -> Reply:
        return found(await unless_gone(self.check(request), receive))

    async def check(self, request: LiveRequest) -> LiveOutcome:
        return await check_one(await self.desks.desk(), request)


async def told(desks: Desks, reply: Reply, secret: str, client: str) -> Reply:
    """Tell the holder of a key how it stands, too, though what it sent cannot be answered: that is a call as well."""
    try:
        check_format(secret)
        return reply.to((await who_asks(await desks.desk(), secret, client)).standing)
    except TooManyCalls as refusal:
        return refuse(refusal)
    except (AccessRefused, psycopg.OperationalError, psycopg.InterfaceError):
        return reply


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
    return refusal_text(refusal).to(refusal.standing)


def refusal_text(refusal: AccessRefused | FeatureDisabled | QuotaExceeded) -> Reply:
    if isinstance(refusal, TooManyCalls):
        return text(429, f"Too many requests. {refusal}", (b"Retry-After", b"%d" % refusal.retry_after))
    if isinstance(refusal, QuotaExceeded):
        return text(401, "Invalid license key. Reason:Insufficient quota")
    if isinstance(refusal, KeyExpired):
        return text(401, "Invalid license key. Reason:Key expired")
    if isinstance(refusal, AccountDisabled | FeatureDisabled):
        return text(401, "Invalid license key. Reason:Account disabled")
    return text(401, "Invalid license key. Reason:Invalid key")


def found(outcome: LiveOutcome) -> Reply:
    return as_json(200, outcome.answer.contract_fields()).to(outcome.standing)
