"""`POST /api/v1/verify` beside Django's handler: a call may wait a minute for mail servers."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from typing import NamedTuple

import psycopg
from django.utils import timezone

from accounts.domain.access import secret_in
from accounts.domain.config import FeatureDisabled
from accounts.domain.keys import check_format
from accounts.domain.quota import QuotaExceeded
from accounts.domain.refusals import AccessRefused, KeyMissing, KeyNetwork, KeyScope, TooManyCalls
from accounts.domain.standing import Standing
from verification.api import verify_answers, verify_request
from verification.api.asgi import (
    RETRY_AFTER,
    HungUp,
    Receive,
    Reply,
    Scope,
    Send,
    as_json,
    as_problem,
    body_of,
    client_of,
    headers_of,
    serve,
    unless_gone,
)
from verification.api.errors import PROBLEM
from verification.api.live_desks import Desks
from verification.domain import idempotency
from verification.domain.idempotency import Connection, InProgress, Kept, KeyOutOfBounds, KeyReused, Turn
from verification.domain.live import Desk, LiveOutcome, LiveRequest, check_one, who_asks

logger = logging.getLogger("verification.api.verify")

PATH = "/api/v1/verify"
JSON_TYPE = re.compile(r"""application/json(?:\s*;\s*charset\s*=\s*"?utf-?8"?)?\s*""", re.IGNORECASE)
LEASE_SECONDS = 60.0  # of a turn, beside the longest wait
METHOD_NOT_ALLOWED = as_problem(405, "This route takes POST only.", (b"Allow", b"POST"))
UNAVAILABLE = as_problem(503, "The service is not available for the moment; nothing was charged.", RETRY_AFTER)
BROKEN = as_problem(500, "Something broke on our side; nothing was charged.")
IN_PROGRESS = as_problem(
    409, "A request under this Idempotency-Key is still being worked on.", RETRY_AFTER, code="IN_PROGRESS"
)
KEY_REUSED = as_problem(422, "This Idempotency-Key was used for another request.", code="IDEMPOTENCY_KEY_REUSED")


class Caller(NamedTuple):
    secret: str
    client: str


class Verify:
    """The ASGI callable of PATH."""

    def __init__(self, desks: Desks) -> None:
        self.desks = desks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await serve(scope, send, self.reply(scope, receive), logger=logger)

    async def reply(self, scope: Scope, receive: Receive) -> Reply:
        """Give the answer.  Raises HungUp."""
        try:
            return await self.take(scope, receive)
        except (AccessRefused, FeatureDisabled, QuotaExceeded) as refusal:
            return refuse(refusal).to(refusal.standing)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            logger.warning("no database: %s", error)
            return UNAVAILABLE
        except HungUp:
            raise
        except Exception:
            logger.exception("verify failed")
            return BROKEN

    async def take(self, scope: Scope, receive: Receive) -> Reply:
        headers = headers_of(scope)
        if scope["method"] != "POST":
            return await self.told(METHOD_NOT_ALLOWED, headers, client_of(scope))
        caller = Caller(secret_of(headers), client_of(scope))
        if refusal := refuse_media_type(headers):
            return await self.told(refusal, headers, caller.client)
        body = await body_of(receive)
        desk = await self.desks.desk()
        key = headers.get(b"idempotency-key")
        if key is not None:
            return await once(desk, caller, key, body, receive)
        try:
            wanted = read(caller, body)
        except BadRequest as fault:
            return await self.told(fault.reply, headers, caller.client)
        return await work(desk, wanted, receive)

    async def told(self, reply: Reply, headers: dict[bytes, str], client: str) -> Reply:
        """Tell a caller with a good key how it stands, too.  Raises TooManyCalls."""
        try:
            secret = secret_of(headers)
            return reply.to((await who_asks(await self.desks.desk(), secret, client)).standing)
        except TooManyCalls:
            raise
        except AccessRefused:
            return reply


def secret_of(headers: dict[bytes, str]) -> str:
    """Give the key.  Raises KeyMissing, KeyMalformed."""
    secret = secret_in(authorization=headers.get(b"authorization", ""), license_key=headers.get(b"x-license-key", ""))
    if not secret:
        raise KeyMissing
    check_format(secret)
    return secret


def refuse_media_type(headers: dict[bytes, str]) -> Reply | None:
    if not JSON_TYPE.fullmatch(headers.get(b"content-type", "")):
        return as_problem(415, "The content type must be application/json, in UTF-8.")
    if headers.get(b"content-encoding", "identity").lower() != "identity":
        return as_problem(415, "A Content-Encoding is not supported.")
    return None


def refuse(refusal: AccessRefused | FeatureDisabled | QuotaExceeded) -> Reply:
    match refusal:
        case TooManyCalls():
            return as_problem(429, str(refusal), (b"Retry-After", b"%d" % refusal.retry_after), code="RATE_LIMITED")
        case KeyNetwork() | KeyScope():
            return as_problem(403, str(refusal))
        case AccessRefused():
            return as_problem(401, str(refusal), (b"WWW-Authenticate", b'Bearer realm="api"'))
        case FeatureDisabled():
            return as_problem(403, f"{refusal}.", code="DISABLED_IN_ACCOUNT_CONFIG")
        case QuotaExceeded():
            return as_problem(402, f"{refusal}.", code="QUOTA_EXCEEDED")


class BadRequest(Exception):
    """A body that cannot be taken, and what is answered."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def read(caller: Caller, body: bytes, *, is_counted: bool = False) -> LiveRequest:
    """Give what is asked for.  Raises BadRequest."""
    try:
        wanted = verify_request.read(body)
    except verify_request.NotJson as fault:
        raise BadRequest(as_problem(400, str(fault))) from fault
    except verify_request.NotValid as fault:
        raise BadRequest(as_problem(400, str(fault), errors=fault.errors)) from fault
    return LiveRequest(
        caller.secret,
        wanted.email,
        max_wait=wanted.max_wait,
        max_age=wanted.max_age,
        client=caller.client,
        is_counted=is_counted,
    )


async def once(desk: Desk, caller: Caller, key: str, body: bytes, receive: Receive) -> Reply:
    """Do as `work`, once for an Idempotency-Key; the answer is kept together with the charge.

    The call is counted here, be it answered anew or again.
    """
    grant = await who_asks(desk, caller.secret, caller.client)
    try:
        wanted = idempotency.wanted(
            account_id=grant.account_id, kind=grant.kind, key=key, method="POST", path=PATH, body=body
        )
        lease = verify_request.MAX_WAIT_SECONDS + LEASE_SECONDS
        turn = await unless_gone(idempotency.atake_turn(desk.pool, wanted, lease_seconds=lease), receive)
    except KeyOutOfBounds as fault:
        return as_problem(400, str(fault)).to(grant.standing)
    except KeyReused:
        return KEY_REUSED.to(grant.standing)
    except InProgress:
        return IN_PROGRESS.to(grant.standing)
    if isinstance(turn, Kept):
        return given_again(turn).to(grant.standing)
    try:
        return await in_turn(desk, caller, turn, body, receive, grant.standing)
    except InProgress:  # the turn was lost to another
        return IN_PROGRESS.to(grant.standing)
    except BaseException:
        with suppress(psycopg.Error):  # then the lease runs out by itself
            await idempotency.aforget(desk.pool, turn)
        raise


async def in_turn(desk: Desk, caller: Caller, turn: Turn, body: bytes, receive: Receive, standing: Standing) -> Reply:
    try:
        request = read(caller, body, is_counted=True)
    except BadRequest as fault:
        async with desk.pool.connection() as connection:
            await idempotency.akeep(connection, turn, Kept(fault.reply.status, fault.reply.body.decode()))
        return fault.reply.to(standing)
    return await work(desk, request, receive, turn)


def given_again(kept: Kept) -> Reply:
    content_type = "application/json" if kept.status == 200 else PROBLEM
    return Reply(kept.status, kept.answer.encode(), ((b"Content-Type", content_type.encode()),))


async def work(desk: Desk, request: LiveRequest, receive: Receive, turn: Turn | None = None) -> Reply:
    rendered = Rendered(turn)
    outcome = await unless_gone(check_one(desk, request, keep=rendered if turn else None), receive)
    return rendered.reply or found(outcome)


class Rendered:
    """The answer of a turn, made once, however often its transaction is tried."""

    def __init__(self, turn: Turn | None) -> None:
        self.turn = turn
        self.reply: Reply | None = None

    async def __call__(self, connection: Connection, outcome: LiveOutcome) -> None:
        self.reply = self.reply or found(outcome)
        if self.turn is not None:
            await idempotency.akeep(connection, self.turn, Kept(200, self.reply.body.decode()))


def found(outcome: LiveOutcome) -> Reply:
    return as_json(200, verify_answers.document(outcome, now=timezone.now())).to(outcome.standing)
