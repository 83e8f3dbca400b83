"""Idempotency-Key for views: docs/api/native.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, InterfaceError, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from verification.api.base import ApiView, key_of
from verification.api.errors import PROBLEM
from verification.domain import idempotency
from verification.domain.idempotency import Kept, Turn

LEASE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Done:
    """What a request did: its answer, and what is kept to give it again; nothing secret may be in that."""

    status: int
    document: dict[str, Any] | bytes  # Any: JSON; as bytes it is written already
    kept: dict[str, Any]  # Any: JSON


class Written(Response):
    """An answer whose JSON is written already."""

    def __init__(self, document: bytes, status: int) -> None:
        super().__init__(status=status)
        self._document = document

    @property
    def rendered_content(self) -> bytes:  # type: ignore[override]  # as DRF gives it
        self["Content-Type"] = "application/json"
        return self._document


def as_it_was(kept: Kept) -> Response:
    content_type = None if kept.status < 400 else PROBLEM
    return Response(json.loads(kept.answer), status=kept.status, content_type=content_type)


def answer(done: Done) -> Response:
    if isinstance(done.document, bytes):
        return Written(done.document, done.status)
    return Response(done.document, status=done.status)


def once(
    view: ApiView, request: Request, work: Callable[[], Done], *, again: Callable[[Kept], Response] = as_it_was
) -> Response:
    """Do the work, once when the request has an Idempotency-Key; what comes later gets the answer again.

    Raises KeyOutOfBounds, KeyReused, InProgress.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        done = work()
        return answer(done)
    holder = key_of(request)
    wanted = idempotency.wanted(
        account_id=holder.account_id,
        kind=holder.kind,
        key=key,
        method=request.method or "",
        path=request.path,
        body=request._request.body,
    )
    turn = idempotency.take_turn(wanted, lease_seconds=LEASE_SECONDS)
    return again(turn) if isinstance(turn, Kept) else in_turn(view, turn, work)


def in_turn(view: ApiView, turn: Turn, work: Callable[[], Done]) -> Response:
    """Do the work and keep its answer in one transaction; of a refusal keep what will not pass."""
    try:
        with transaction.atomic():
            done = work()
            idempotency.keep(turn, Kept(done.status, json.dumps(done.kept)))
    except Exception as error:  # noqa: BLE001  # the view's handler tells and logs it
        response = view.handle_exception(error)
        with suppress(DatabaseError, InterfaceError):  # then the lease runs out by itself
            if idempotency.is_kept(response.status_code):
                idempotency.keep(turn, Kept(response.status_code, json.dumps(response.data)))
            else:
                idempotency.forget(turn)
        return response
    return answer(done)
