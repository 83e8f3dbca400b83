"""What OpenAPI says of `GET /api/v1/usage`: docs/api/native.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from verification.api.schema import COUNT, TEXT, VERDICT, a_list, an_object, one_of, problems
from verification.api.schema_account import DAY, NUMBER
from verification.engine.types import Blame

NEXT: dict[str, Any] = {"type": ["string", "null"], "format": "uri"}  # Any: JSON schema
CURSOR = OpenApiParameter("cursor", str, description="Part of `next`.")

USAGE_ROW = an_object(
    {
        "day": DAY,
        "key": {"oneOf": [an_object({"id": NUMBER, "name": {"type": ["string", "null"]}}), {"type": "null"}]},
        "result": VERDICT["properties"]["result"],
        "reason": VERDICT["properties"]["reason"],
        "blame": one_of(Blame),
        "checks": COUNT,
        "charged": COUNT,
    },
    optional=("day", "key", "result", "reason", "blame"),
)
USAGE: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "look_at_usage",
    "tags": ["Account"],
    "parameters": [
        OpenApiParameter("from", DAY, description="First day, in UTC; 366 days at most, the last 30 unless said."),
        OpenApiParameter("to", DAY, description="Last day; today unless said."),
        OpenApiParameter("by", str, description="What to tell apart: some of `day,key,verdict`; all unless said."),
        OpenApiParameter("format", str, enum=["json", "csv"], description="Or `Accept: text/csv`."),
        OpenApiParameter("limit", int, description="Rows in one answer in JSON, 1 to 1000, the default."),
        CURSOR,
    ],
    "responses": {
        (200, "application/json"): an_object({"from": DAY, "to": DAY, "usage": a_list(USAGE_ROW), "next": NEXT}),
        (200, "text/csv"): OpenApiResponse(response=TEXT, description="All rows, with a line of names first."),
    }
    | problems(400, 401, 403, 429, 500, 503),
}
