"""Answers to bodies that are not taken, in the shape of their route."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus

from portal.http.routes import Shape
from portal.http.types import Message
from verification.api import rejections


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reason` is the subType of a rejected job request; `detail` a sentence without its full stop."""

    status: HTTPStatus
    reason: rejections.SubType
    detail: str


TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, rejections.SubType.LIMIT_EXCEEDED, "Request body size limit exceeded"
)
TOO_SLOW = Refusal(HTTPStatus.REQUEST_TIMEOUT, rejections.SubType.REQUEST_TIMEOUT, "The request body came too slowly")
NOBODY = Refusal(HTTPStatus.UNAUTHORIZED, rejections.SubType.UNAUTHORIZED, "A body of this size needs a license key")
NO_SESSION = Refusal(HTTPStatus.UNAUTHORIZED, rejections.SubType.UNAUTHORIZED, "Please sign in first")
UNAVAILABLE = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, rejections.SubType.INTERNAL_ERROR, "The database cannot be reached; try again"
)
NO_ROOM = Refusal(
    HTTPStatus.INSUFFICIENT_STORAGE,
    rejections.SubType.INTERNAL_ERROR,
    "There is no room left for it at the moment; nothing was kept",
)
BROKEN = Refusal(
    HTTPStatus.INTERNAL_SERVER_ERROR, rejections.SubType.INTERNAL_ERROR, "Something broke on our side; nothing was kept"
)


def job_request(refusal: Refusal) -> tuple[str, str]:
    return "application/json", json.dumps(rejections.rejection(refusal.reason, refusal.detail))


def problem(refusal: Refusal) -> tuple[str, str]:
    body = {"type": "about:blank", "title": refusal.status.phrase, "status": refusal.status, "detail": refusal.detail}
    return "application/problem+json", json.dumps(body)


def text(refusal: Refusal) -> tuple[str, str]:
    lead = "Server error" if refusal.status >= 500 else refusal.status.phrase
    return "text/plain; charset=utf-8", f"{lead}. {refusal.detail}."


NEXT = {  # what people can do: without a script this is all they see
    HTTPStatus.UNAUTHORIZED: "Nothing of it was kept. Sign in in another tab, go back here, and send it again.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Nothing of it was kept. Go back, and send less at once.",
    HTTPStatus.REQUEST_TIMEOUT: "Nothing of it was kept. Go back, and send it again.",
}


def page(refusal: Refusal) -> tuple[str, str]:
    title, detail = escape(refusal.status.phrase), escape(f"{refusal.detail}. {NEXT.get(refusal.status, '')}".strip())
    html = f"<!doctype html><html lang=en><title>{title}</title><h1>{title}</h1><p>{detail}</p></html>"
    return "text/html; charset=utf-8", html


RENDER: dict[Shape, Callable[[Refusal], tuple[str, str]]] = {
    Shape.JOB_REQUEST: job_request,
    Shape.PROBLEM: problem,
    Shape.TEXT: text,
    Shape.PAGE: page,
}


async def start(send: Callable[[Message], Awaitable[None]], refusal: Refusal, shape: Shape) -> None:
    """Send all of a refusal but the message that ends it, after which the server closes the connection."""
    content_type, content = RENDER[shape](refusal)
    body = content.encode()
    headers = [
        (b"Content-Type", content_type.encode()),
        (b"Content-Length", str(len(body)).encode()),
        (b"Cache-Control", b"no-store, private"),
        (b"Connection", b"close"),
    ]
    if refusal.status == HTTPStatus.UNAUTHORIZED and shape != Shape.PAGE:
        headers.append((b"WWW-Authenticate", b"Bearer"))
    if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"Retry-After", b"5"))
    await send({"type": "http.response.start", "status": refusal.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
