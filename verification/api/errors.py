"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from accounts.domain import keys
from verification.api.names import on_the_wire
from verification.domain.idempotency import InProgress, KeyOutOfBounds, KeyReused

logger = logging.getLogger("verification.api")
PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = 5


def problem(status: int, detail: str, **members: Any) -> dict[str, Any]:  # Any: JSON
    """Give the members of a problem."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | members


def problem_details(error: Exception, context: dict[str, Any]) -> Response:  # Any: DRF's signature
    """Translate an exception; one that nobody expected is logged and becomes a 500."""
    if isinstance(error, Http404):
        error = exceptions.NotFound("There is nothing here.")
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None:
        response = ours(error)
    elif isinstance(error, exceptions.ValidationError):
        response.data = problem(response.status_code, "Some values are not valid.", errors=error.detail)
    else:
        assert isinstance(error, exceptions.APIException)
        code = {"code": "RATE_LIMITED"} if isinstance(error, exceptions.Throttled) else {}
        response.data = problem(response.status_code, str(error.detail), **code)
    response.content_type = PROBLEM
    return response


REFUSALS: dict[type[Exception], tuple[int, str, str]] = {  # status, code, and words where the refusal has none
    KeyOutOfBounds: (400, "", ""),
    keys.KeyBeyond: (403, "BEYOND_THIS_KEY", ""),
    keys.KeyOver: (409, "KEY_OVER", "The key is revoked or expired."),
    keys.TooManyKeys: (409, "TOO_MANY_KEYS", ""),
    InProgress: (409, "IN_PROGRESS", "A request under this Idempotency-Key is still being worked on."),
    KeyReused: (422, "IDEMPOTENCY_KEY_REUSED", "This Idempotency-Key was used for another request."),
}


def refused(error: Exception) -> Response | None:
    """Translate a refusal of the domain."""
    for kind, (status, code, words) in REFUSALS.items():
        if isinstance(error, kind):
            members: dict[str, Any] = {"code": code} if code else {}  # Any: JSON
            if isinstance(error, keys.KeyBeyond):
                members["errors"] = {on_the_wire(error.field): [str(error)]}
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if kind is InProgress else None
            return Response(problem(status, words or str(error), **members), status=status, headers=headers)
    return None


def ours(error: Exception) -> Response:
    set_rollback()
    if (refusal := refused(error)) is not None:
        return refusal
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("no database: %s", error)
        detail = "The service is not available for the moment; nothing was kept."
        return Response(problem(503, detail), status=503, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    logger.error("API call failed", exc_info=error)
    return Response(problem(500, "Something broke on our side; nothing was kept."), status=500)


@csrf_exempt  # no session counts here
def not_found(request: HttpRequest) -> JsonResponse:  # Django's signature
    """Answer every path below /api/ that leads nowhere."""
    return JsonResponse(problem(404, "There is nothing here."), status=404, content_type=PROBLEM)
