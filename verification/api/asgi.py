"""What the callables beside Django have in common: bodies, headers, problems, and callers who hang up."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from accounts.domain.standing import NOBODY, Standing
from accounts.domain.standing import headers as standing_headers
from verification.api.errors import PROBLEM, problem
from verification.domain import probe_state

T = TypeVar("T")
Scope = MutableMapping[str, Any]  # Any: ASGI
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

RETRY_AFTER_SECONDS = 5
DNS_ONLY: Header = (probe_state.HEADER.encode(), probe_state.DNS_ONLY.encode())
RETRY_AFTER: Header = (b"Retry-After", str(RETRY_AFTER_SECONDS).encode())


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[Header, ...] = ()
    standing: Standing = NOBODY  # of the caller, as far as it is known

    def to(self, standing: Standing) -> Reply:
        """Give it as an answer to a caller who stands so."""
        return replace(self, standing=standing)


class HungUp(Exception):
    """The caller is gone."""


def as_json(status: int, document: object, *headers: Header) -> Reply:
    """Give a reply in JSON."""
    return Reply(
        status, json.dumps(document, ensure_ascii=False).encode(), ((b"Content-Type", b"application/json"), *headers)
    )


def as_problem(status: int, detail: str, *headers: Header, **members: Any) -> Reply:  # Any: JSON
    """Give a problem (RFC 9457)."""
    body = json.dumps(problem(status, detail, **members)).encode()
    return Reply(status, body, ((b"Content-Type", PROBLEM.encode()), *headers))


def headers_of(scope: Scope) -> dict[bytes, str]:
    """Give the headers by their names in lower case."""
    return {name: value.decode("latin-1") for name, value in scope["headers"]}


def client_of(scope: Scope) -> str:
    """Give the caller's IP address, "" when it is not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


async def body_of(receive: Receive) -> bytes:
    """Read the body; its bounds are kept by the layer before.  Raises HungUp."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUp
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


async def unless_gone(work: Coroutine[Any, Any, T], receive: Receive) -> T:
    """Await the work, or break it off when the caller hangs up.  Raises HungUp."""
    working = asyncio.create_task(work)
    listening = asyncio.create_task(break_off(working, receive))
    try:
        return await working
    except asyncio.CancelledError:
        if listening.done():
            raise HungUp from None
        raise
    finally:
        listening.cancel()


async def break_off(working: asyncio.Task[T], receive: Receive) -> None:
    """Cancel work once its caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
    working.cancel()


async def answer(scope: Scope, send: Send, reply: Reply) -> None:
    headers = [
        *reply.headers,
        *([DNS_ONLY] if probe_state.is_dns_only() else []),
        *((name.encode(), value.encode()) for name, value in standing_headers(reply.standing).items()),
        (b"Content-Length", str(len(reply.body)).encode()),
        (b"Cache-Control", b"no-store, private"),
        (b"X-Content-Type-Options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})


async def serve(
    scope: Scope, send: Send, replying: Awaitable[Reply], *, logger: logging.Logger, name: str | None = None
) -> None:
    """Answer a call, unless the caller is gone, and note one line: `name` stands for a path that tells too much."""
    started = time.monotonic()
    reply: Reply | None = None
    with suppress(HungUp):
        reply = await replying
    elapsed = (time.monotonic() - started) * 1000
    status = reply.status if reply else "gone"
    logger.info("%s %s %s %.0f ms", scope["method"], name or scope["path"], status, elapsed)
    if reply is not None:
        await answer(scope, send, reply)
