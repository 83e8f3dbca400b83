"""`GET /api/v1/accuracy`: docs/bounces.md."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from verification.api import query
from verification.api.base import ApiView, account_of
from verification.api.schema import COUNT, TEXT, a_list, an_object, problems
from verification.domain import accuracy
from verification.domain.accuracy import MOST_MONTHS, USUAL_MONTHS, Accuracy

SHARE: dict[str, Any] = {"type": ["number", "null"], "minimum": 0, "maximum": 1}  # Any: JSON schema
ROW = an_object(
    {
        "month": TEXT | {"pattern": "^[0-9]{4}-[0-9]{2}$"},
        "provider": TEXT,
        "checks": COUNT,
        "decided": COUNT,
        "ok": COUNT,
        "bounced": COUNT,
        "shareDecided": SHARE,
        "shareBounced": SHARE,
    }
)
MONTHS = OpenApiParameter("months", int, description=f"How many, 1 to {MOST_MONTHS}; {USUAL_MONTHS} unless said.")


class AccuracyView(ApiView):
    """What verdicts turned out to be worth."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT}

    @extend_schema(
        operation_id="look_at_accuracy",
        tags=["Account"],
        parameters=[MONTHS],
        responses={200: an_object({"accuracy": a_list(ROW)})} | problems(400, 401, 403, 429, 500, 503),
    )
    def get(self, request: Request) -> Response:
        """Give shares decided, and `Ok` that bounced, by month and provider."""
        months = query.number(request, "months", default=USUAL_MONTHS, least=1, most=MOST_MONTHS)
        rows = accuracy.report(account=account_of(request), months=months, now=timezone.now())
        return Response({"accuracy": [document(row) for row in rows]})


def document(row: Accuracy) -> dict[str, Any]:  # Any: JSON
    return {
        "month": f"{row.month:%Y-%m}",
        "provider": row.provider,
        "checks": row.checks,
        "decided": row.decided,
        "ok": row.ok,
        "bounced": row.bounced,
        "shareDecided": row.share_decided,
        "shareBounced": row.share_bounced,
    }
