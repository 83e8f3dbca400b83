"""Describes the live check to readers of the schema; the ASGI layer answers it before Django is asked."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from verification.api import schema
from verification.api.base import ApiView
from verification.api.errors import PROBLEM, problem


def not_here() -> Response:
    detail = "This route needs the ASGI server: portal.asgi:application."
    return Response(problem(501, detail), status=501, content_type=PROBLEM)


class LiveStub(ApiView):
    """The live check."""

    @extend_schema(**schema.LIVE_CHECK)
    def get(self, request: Request) -> Response:  # noqa: ARG002  # DRF's signature
        """Check one address now."""
        return not_here()


class SandboxStub(ApiView):
    """The live check without network and free of charge."""

    @extend_schema(**schema.LIVE_SANDBOX)
    def get(self, request: Request) -> Response:  # noqa: ARG002  # DRF's signature
        """Try the check with made-up answers: no network, no charge."""
        return not_here()
