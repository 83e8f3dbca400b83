"""`/api/v1/erasures`: docs/erasure.md."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from verification.api import query, schema_erasures
from verification.api.base import ApiView, account_of, key_of
from verification.api.bodies import members_of
from verification.api.idempotent import Done, as_it_was, once
from verification.api.job_answers import timestamp
from verification.domain import erasures
from verification.domain.idempotency import Kept
from verification.models import Erasure

LIMIT = 100
WAIT_SECONDS = 60
COUNTS = ("checks", "mentions", "results", "memories", "uploads")


class ErasuresView(ApiView):
    """Erasures of one person's address each."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT, "POST": Scope.ACCOUNT}

    @extend_schema(**schema_erasures.ERASE)
    def post(self, request: Request) -> Response:
        """Erase a person's address in everything that the account has.  Answers at once; the work takes a while."""
        return once(self, request, lambda: ask(request), again=lambda kept: given_again(request, kept))

    @extend_schema(**schema_erasures.LIST)
    def get(self, request: Request) -> Response:
        """Give the receipts, newest first."""
        limit = query.number(request, "limit", default=LIMIT, least=1, most=LIMIT)
        found = Erasure.objects.of(account_of(request)).newest_first()
        after = query.behind(request, of="erasures")
        if after is not None:
            at, pk = after
            found = found.filter(Q(requested_at__lt=at) | Q(requested_at=at, pk__lt=pk))
        rows = list(found[: limit + 1])
        more = None
        if len(rows) > limit:
            last = rows[limit - 1]
            more = query.next_url(request, [last.requested_at.isoformat(), last.pk], of="erasures")
        return Response({"erasures": [document(row) for row in rows[:limit]], "next": more})


class ErasureView(ApiView):
    """One erasure."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT}

    @extend_schema(**schema_erasures.LOOK)
    def get(self, request: Request, erasure_id: UUID) -> Response:
        """Tell how far it is, and what was erased."""
        return Response(document(erasure_of(request, erasure_id)))


def ask(request: Request) -> Done:
    """Take a request; of the answer nothing is kept that names the person."""
    email = members_of(request, email=str)["email"]
    try:
        asked = erasures.ask(account=account_of(request), email=email, actor=None, key=key_of(request))
    except erasures.NoAddress as fault:
        raise ValidationError({"email": [str(fault)]}) from None
    except erasures.TooManyErasures:
        raise Throttled(WAIT_SECONDS, f"{erasures.MOST_OPEN} erasures are under way.") from None
    return Done(HTTPStatus.ACCEPTED, document(asked), kept={"id": str(asked.pk)})


def given_again(request: Request, kept: Kept) -> Response:
    if kept.status != HTTPStatus.ACCEPTED:
        return as_it_was(kept)
    asked = erasure_of(request, UUID(json.loads(kept.answer)["id"]))
    return Response(document(asked), status=kept.status)


def erasure_of(request: Request, erasure_id: UUID) -> Erasure:
    found = Erasure.objects.of(account_of(request)).filter(pk=erasure_id).first()
    if found is None:
        raise Http404
    return found


def document(erasure: Erasure) -> dict[str, Any]:  # Any: JSON
    return {
        "id": str(erasure.pk),
        "status": "done" if erasure.done_at else "working",
        "hash": erasure.hash,
        "requestedTs": timestamp(erasure.requested_at),
        "doneTs": timestamp(erasure.done_at),
        "erased": {name: getattr(erasure, name) for name in COUNTS},
    }
