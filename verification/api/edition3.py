"""The routes of edition 3, for existing integrations: docs/api/v3.md.

They carry the key in the path, so that a path of theirs is never logged.
"""

from __future__ import annotations

import logging
from urllib.parse import unquote_to_bytes

from django.utils import timezone

from accounts.domain.keys import check_format
from accounts.domain.refusals import KeyMalformed
from verification.api import edition3_answers
from verification.api.asgi import Receive, Reply, Scope, Send, as_json, client_of, serve, unless_gone
from verification.api.live import METHOD_NOT_ALLOWED, text, told, translated
from verification.api.live_desks import Desks
from verification.api.live_query import LONGEST_ADDRESS, BadRequest
from verification.domain import quota_report
from verification.domain.live import LiveOutcome, LiveRequest, check_one

logger = logging.getLogger("verification.api.edition3")

MORE = b"/v3/more/json/"
QUOTA = b"/customer/reports/v3/quota/"
ROOTS = ("/v3/", "/customer/")
NOT_FOUND = text(404, "Not found.")


class Edition3:
    """The ASGI callable of all paths below ROOTS."""

    def __init__(self, desks: Desks) -> None:
        self.desks = desks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        if path.startswith(MORE):
            name, replying = f"{MORE.decode()}…", self.more(scope, receive, path.removeprefix(MORE))
        elif path.startswith(QUOTA):
            name, replying = f"{QUOTA.decode()}…", self.quota(scope, path.removeprefix(QUOTA))
        else:
            name, replying = "a path of edition 3 that leads nowhere", nowhere()
        await serve(scope, send, replying, logger=logger, name=name)

    async def more(self, scope: Scope, receive: Receive, rest: bytes) -> Reply:
        """Check one address.  Raises HungUp."""
        if scope["method"] not in ("GET", "HEAD"):
            return await self.told(METHOD_NOT_ALLOWED, scope, rest)
        key, _, email = rest.partition(b"/")
        try:
            request = LiveRequest(key_in(key), address_in(email), client=client_of(scope))
        except BadRequest as fault:
            return await self.told(text(400, f"Bad request. Reason:{fault}"), scope, rest)
        return await translated(self.answer(request, receive))

    async def answer(self, request: LiveRequest, receive: Receive) -> Reply:
        outcome = await unless_gone(self.check(request), receive)
        document = edition3_answers.document(outcome.answer, checked_at=outcome.checked_at or timezone.now())
        return as_json(200, document).to(outcome.standing)

    async def check(self, request: LiveRequest) -> LiveOutcome:
        return await check_one(await self.desks.desk(), request)

    async def quota(self, scope: Scope, key: bytes) -> Reply:
        """Tell what the account has used and what is left."""
        if scope["method"] not in ("GET", "HEAD"):
            return await self.told(METHOD_NOT_ALLOWED, scope, key)
        try:
            secret = key_in(key)
        except BadRequest as fault:
            return text(400, f"Bad request. Reason:{fault}")
        return await translated(self.report(secret, client_of(scope)))

    async def report(self, secret: str, client: str) -> Reply:
        found = await quota_report.report(await self.desks.desk(), secret, client)
        document = edition3_answers.quota_document(found, secret=secret, now=timezone.now())
        return as_json(200, document).to(found.caller.standing)

    async def told(self, reply: Reply, scope: Scope, rest: bytes) -> Reply:
        secret = unquote_to_bytes(rest.partition(b"/")[0]).decode("utf-8", "replace")
        return await told(self.desks, reply, secret, client_of(scope))


async def nowhere() -> Reply:
    return NOT_FOUND


def key_in(raw: bytes) -> str:
    """Read the key from its piece of a path.  Raises BadRequest."""
    secret = unquote_to_bytes(raw).decode("utf-8", "replace")
    if not secret:
        raise BadRequest("No license key")
    try:
        check_format(secret)
    except KeyMalformed:
        raise BadRequest("License key in incorrect format") from None
    return secret


def address_in(raw: bytes) -> str:
    """Read the address from the rest of a path, slashes and all; a raw `+` is a plus sign.  Raises BadRequest."""
    try:
        email = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("Email address is not UTF-8") from None
    if not email.strip():
        raise BadRequest("No email address")
    if len(email) > LONGEST_ADDRESS:
        raise BadRequest("Email address too long")
    return email
