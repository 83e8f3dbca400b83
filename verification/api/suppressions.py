"""`/api/v1/suppressions`: docs/suppression.md."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, ClassVar

from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from verification.api import query, schema_suppressions
from verification.api.base import ApiView, account_of, key_of
from verification.api.bodies import object_of
from verification.api.errors import PROBLEM, problem
from verification.api.job_answers import timestamp
from verification.domain import suppression_csv, suppression_list
from verification.domain.suppression_list import ListFull, Unfit
from verification.models import Suppression, SuppressionKind, SuppressionSource

LIMIT = 100
MEMBERS = ("email", "kind", "reason")
LARGEST_ID = 2**63 - 1


class SuppressionsView(ApiView):
    """The account's own list."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT, "POST": Scope.ACCOUNT}

    @extend_schema(**schema_suppressions.LIST)
    def get(self, request: Request) -> Response:
        """Give the entries, newest first."""
        limit = query.number(request, "limit", default=LIMIT, least=1, most=LIMIT)
        kind = query.text_of(request, "kind") or ""
        if kind and kind not in SuppressionKind.values:
            raise ValidationError({"kind": [f"Must be one of {', '.join(SuppressionKind.values)}."]})
        search = query.text_of(request, "search") or ""
        found = suppression_list.found(account=account_of(request), search=search, kind=kind).newest_first()
        after = query.behind(request, of="suppressions")
        rows = list((found.filter(pk__lt=int(after[0])) if after is not None else found)[: limit + 1])
        more = query.next_url(request, [rows[limit - 1].pk], of="suppressions") if len(rows) > limit else None
        return Response({"suppressions": [document(row) for row in rows[:limit]], "next": more})

    @extend_schema(**schema_suppressions.ADD)
    def post(self, request: Request) -> Response:
        """Put an address on the list; one that is there keeps the stronger kind."""
        wanted = object_of(request)
        errors = {name[:100]: ["There is no such member."] for name in wanted.keys() - set(MEMBERS)}
        errors |= {name: ["Must be a string."] for name in MEMBERS if not isinstance(wanted.get(name, ""), str)}
        if "email" not in wanted:
            errors["email"] = ["This field is required."]
        if errors:
            raise ValidationError(errors)
        try:
            entry = suppression_list.entry_of(
                wanted["email"], wanted.get("kind", SuppressionKind.HAND), wanted.get("reason", "")
            )
            row, is_new = suppression_list.add(
                account=account_of(request), entry=entry, source=SuppressionSource.API, actor=key_of(request)
            )
        except Unfit as fault:
            raise ValidationError({"suppression": [str(fault)]}) from None
        except ListFull as full:
            return list_full(full)
        return Response(document(row), status=HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class SuppressionView(ApiView):
    """One entry."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT, "DELETE": Scope.ACCOUNT}

    @extend_schema(**schema_suppressions.LOOK)
    def get(self, request: Request, suppression_id: int) -> Response:
        """Give one entry."""
        return Response(document(entry_of(request, suppression_id)))

    @extend_schema(**schema_suppressions.REMOVE)
    def delete(self, request: Request, suppression_id: int) -> Response:
        """Take an address off the list, for a reason."""
        entry = entry_of(request, suppression_id)
        try:
            suppression_list.remove(entry=entry, reason=query.text_of(request, "reason") or "", actor=key_of(request))
        except Unfit as fault:
            raise ValidationError({"reason": [str(fault)]}) from None
        return Response(status=HTTPStatus.NO_CONTENT)


class ImportView(ApiView):
    """Many addresses at once."""

    scopes: ClassVar = {"POST": Scope.ACCOUNT}

    @extend_schema(**schema_suppressions.IMPORT)
    def post(self, request: Request) -> Response:
        """Put the addresses of a CSV file on the list: all that can be, or with an error none."""
        content_type = request.headers.get("Content-Type", "")
        if content_type.partition(";")[0].strip().lower() != "text/csv":
            raise UnsupportedMediaType(content_type[:100])
        http = request._request
        try:
            outcome = suppression_csv.take_in(
                account=account_of(request), read_line=http.readline, actor=key_of(request)
            )
        except suppression_csv.FileRefused as fault:
            raise ParseError(str(fault)) from None
        except ListFull as full:
            return list_full(full)
        refused = [{"line": line, "detail": why} for line, why in outcome.refused]
        counts = {"added": outcome.added, "known": outcome.known, "refused": outcome.refused_count}
        return Response({"counts": counts, "refused": refused})


class ExportView(ApiView):
    """The whole list."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT}

    @extend_schema(**schema_suppressions.EXPORT)
    def get(self, request: Request) -> HttpResponseBase:
        """Give the list as CSV."""
        pieces = suppression_csv.give_out(account=account_of(request))
        headers = {"Content-Disposition": 'attachment; filename="suppression.csv"'}
        return StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8", headers=headers)


def list_full(full: ListFull) -> Response:
    return Response(problem(HTTPStatus.CONFLICT, str(full), code="LIST_FULL"), status=409, content_type=PROBLEM)


def entry_of(request: Request, suppression_id: int) -> Suppression:
    if suppression_id > LARGEST_ID:
        raise Http404
    row = Suppression.objects.of(account_of(request)).select_related("account").filter(pk=suppression_id).first()
    if row is None:
        raise Http404
    return row


def document(row: Suppression) -> dict[str, Any]:  # Any: JSON
    return {
        "id": row.pk,
        "email": None if row.erased else row.mailbox,
        "kind": row.kind,
        "source": row.source,
        "reason": row.reason,
        "addedTs": timestamp(row.added_at),
        "untilTs": timestamp(row.until),
    }
