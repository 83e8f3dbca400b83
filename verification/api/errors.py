"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:  # Any: DRF's signature
    return exception_handler(error, context)
