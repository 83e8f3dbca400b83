"""Describes to readers of the schema what callables beside Django answer before it is asked."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from verification.api import schema_verify
from verification.api.base import ApiView
from verification.api.live_stub import not_here


class VerifyStub(ApiView):
    """The live check with all that the verdict rests on."""

    @extend_schema(**schema_verify.VERIFY)
    def post(self, request: Request) -> Response:  # noqa: ARG002  # DRF's signature
        """Check one address now, and show the evidence."""
        return not_here()
