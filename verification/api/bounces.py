"""`POST /api/v1/bounces`: docs/bounces.md."""

from __future__ import annotations

from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from verification.api import schema_bounces
from verification.api.base import ApiView, account_of, key_of
from verification.api.json_reader import JsonRefused, load
from verification.api.suppressions import list_full
from verification.domain import bounce_json, bounce_mail, bounces
from verification.domain.bounce_reading import NotABounce, Row
from verification.domain.suppression_list import ListFull

JSON_TYPES = ("application/json", "text/plain")  # Amazon SNS calls its JSON plain text


class BouncesView(ApiView):
    """What became of mail."""

    scopes: ClassVar = {"POST": Scope.ACCOUNT}

    @extend_schema(**schema_bounces.BOUNCES)
    def post(self, request: Request) -> Response:
        """Put addresses that bounced or complained on the suppression list: a mail, or a mail service's JSON."""
        try:
            rows = rows_of(request)
        except NotABounce as fault:
            raise ParseError(str(fault)) from None
        try:
            taken = bounces.take_in(account=account_of(request), rows=rows, actor=key_of(request), now=timezone.now())
        except ListFull as full:
            return list_full(full)
        named = {
            "ignored": [{"row": row, "detail": why} for row, why in taken.ignored],
            "refused": [{"row": row, "detail": why} for row, why in taken.refused],
        }
        return Response({"counts": taken.counts, **named})


def rows_of(request: Request) -> list[Row]:
    """Read the body as what it is said to be.  Raises NotABounce, ParseError, UnsupportedMediaType."""
    content_type, body = request.headers.get("Content-Type", ""), request._request.body
    kind = content_type.partition(";")[0].strip().lower()
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Content-Encoding", detail="The body must not be packed.")
    if kind == "message/rfc822":
        return bounce_mail.read(body)
    if kind == "multipart/report":
        return bounce_mail.read(f"Content-Type: {content_type}\r\n\r\n".encode("utf-8", "replace") + body)
    if kind not in JSON_TYPES:
        raise UnsupportedMediaType(content_type[:100])
    try:
        return bounce_json.read(load(body))
    except JsonRefused as fault:
        raise ParseError(str(fault)) from fault
