"""`GET /api/v1/usage`: docs/api/native.md."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar

from django.db import connection
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Account, LicenseKey, Scope
from verification.api import query, schema_usage
from verification.api.base import ApiView, account_of
from verification.domain import usage_report
from verification.domain.cells import guard

LIMIT = 1_000
ROWS_PER_PIECE = 5_000
GROUPS = tuple(usage_report.GROUPS)
COLUMNS = {"day": ("day",), "key": ("key", "key_name"), "verdict": ("result", "reason", "blame")}


class UsageView(ApiView):
    """What was checked, by day, key and verdict."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT}

    @extend_schema(**schema_usage.USAGE)
    def get(self, request: Request) -> HttpResponseBase:
        """Give counts of final verdicts, of live calls and jobs, and how many of them were charged."""
        account = account_of(request)
        today = timezone.now().date()
        span = usage_report.clamp(query.day(request, "from"), query.day(request, "to"), today=today)
        groups = query.some_of(request, "by", choices=GROUPS)
        if wants_csv(request):
            return as_csv(account, span, groups)
        limit = query.number(request, "limit", default=LIMIT, least=1, most=LIMIT)
        name = f"usage:{','.join(groups)}"
        after = query.behind(request, of=name)
        rows = usage_report.report(account=account, span=span, groups=groups, after=after, limit=limit + 1)
        more = query.next_url(request, rows[limit - 1][:-2], of=name) if len(rows) > limit else None
        names = key_names(account, groups)
        shown = [document(row, groups, names) for row in rows[:limit]]
        return Response({"from": str(span.first), "to": str(span.last), "usage": shown, "next": more})


def wants_csv(request: Request) -> bool:
    """Tell whether CSV is asked for, by `format` or, without that, by `Accept`."""
    wanted = query.text_of(request, "format")
    if wanted not in (None, "csv", "json"):
        raise ValidationError({"format": ["Must be csv or json."]})
    return wanted == "csv" or (wanted is None and "text/csv" in request.headers.get("Accept", ""))


Names = dict[int, str]  # of keys, by their numbers


def key_names(account: Account, groups: Sequence[str]) -> Names:
    if "key" not in groups:
        return {}
    return dict(LicenseKey.objects.filter(account=account).values_list("pk", "name"))


def by_group(row: usage_report.Row, groups: Sequence[str]) -> dict[str, tuple[Any, ...]]:  # Any: columns
    """Cut a row into the columns of its groups, and of its `counts`."""
    values = iter(row)
    cut = {group: tuple(islice(values, len(usage_report.GROUPS[group]))) for group in groups}
    return cut | {"counts": tuple(values)}


def document(row: usage_report.Row, groups: Sequence[str], names: Names) -> dict[str, Any]:  # Any: JSON
    """Show a row; a key of null stands for lists that were uploaded on the pages."""
    shown: dict[str, Any] = {}  # Any: JSON
    for group, values in by_group(row, groups).items():
        match group:
            case "day":
                shown["day"] = str(values[0])
            case "key":
                shown["key"] = {"id": values[0], "name": names.get(values[0])} if values[0] else None
            case "verdict":
                shown |= zip(("result", "reason", "blame"), values, strict=True)
            case "counts":
                shown |= zip(("checks", "charged"), values, strict=True)
    return shown


def cells(row: usage_report.Row, groups: Sequence[str], names: Names) -> list[str]:
    cut = by_group(row, groups)
    if "key" in cut:
        (number,) = cut["key"]
        cut["key"] = (number or "", guard(names.get(number, "")))
    return [str(value) for values in cut.values() for value in values]


def as_csv(account: Account, span: usage_report.Span, groups: Sequence[str]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines(account, span, groups), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="usage-{span.first}-{span.last}.csv"'
    return response


def lines(account: Account, span: usage_report.Span, groups: Sequence[str]) -> Iterator[bytes]:
    """Give the whole report, piece by piece."""
    names = key_names(account, groups)
    yield encoded([[column for group in groups for column in COLUMNS[group]] + ["checks", "charged"]])
    after: list[str] | None = None
    while True:
        rows = usage_report.report(account=account, span=span, groups=groups, after=after, limit=ROWS_PER_PIECE)
        yield encoded(cells(row, groups, names) for row in rows)
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        if len(rows) < ROWS_PER_PIECE:
            return
        after = [str(value) for value in rows[-1][:-2]]


def encoded(rows: Iterable[Sequence[str]]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerows(rows)
    return buffer.getvalue().encode()
