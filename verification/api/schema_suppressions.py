"""What OpenAPI says of `/api/v1/suppressions`: docs/suppression.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from verification.api.schema import COUNT, TEXT, TIME, a_list, an_object, problems
from verification.api.schema_usage import CURSOR, NEXT
from verification.models import SuppressionKind, SuppressionSource

KIND: dict[str, Any] = {"type": "string", "enum": SuppressionKind.values}
SUPPRESSION = an_object(
    {
        "id": {"type": "integer"},
        "email": {"type": ["string", "null"], "description": "null: its person was erased."},
        "kind": KIND,
        "source": {"type": "string", "enum": SuppressionSource.values},
        "reason": TEXT,
        "addedTs": TIME,
        "untilTs": TIME | {"type": ["string", "null"], "description": "null: until it is taken off."},
    }
)
NEW = an_object({"email": TEXT, "kind": KIND, "reason": TEXT | {"maxLength": 200}}, optional=("kind", "reason")) | {
    "additionalProperties": False
}
NUMBER = OpenApiParameter("suppression_id", int, "path")
LIST: dict[str, Any] = {  # Any: arguments of extend_schema, here and below
    "operation_id": "list_suppressions",
    "tags": ["Suppression"],
    "parameters": [
        OpenApiParameter("limit", int, description="Entries in one answer, 1 to 100, the default."),
        OpenApiParameter("search", str, description="A whole address, or a part of one."),
        OpenApiParameter("kind", str, enum=SuppressionKind.values),
        CURSOR,
    ],
    "responses": {200: an_object({"suppressions": a_list(SUPPRESSION), "next": NEXT})}
    | problems(400, 401, 403, 429, 500, 503),
}
ADD: dict[str, Any] = {
    "operation_id": "suppress_address",
    "tags": ["Suppression"],
    "request": {"application/json": NEW},
    "responses": {200: SUPPRESSION, 201: SUPPRESSION} | problems(400, 401, 403, 408, 409, 413, 415, 429, 500, 503),
    "examples": [
        OpenApiExample("By hand", request_only=True, value={"email": "someone@ok.test", "reason": "asked us"})
    ],
}
LOOK: dict[str, Any] = {
    "operation_id": "look_at_suppression",
    "tags": ["Suppression"],
    "parameters": [NUMBER],
    "responses": {200: SUPPRESSION} | problems(401, 403, 404, 429, 500, 503),
}
REMOVE: dict[str, Any] = {
    "operation_id": "remove_suppression",
    "tags": ["Suppression"],
    "parameters": [NUMBER, OpenApiParameter("reason", str, required=True)],
    "responses": {204: None} | problems(400, 401, 403, 404, 429, 500, 503),
}
IMPORT: dict[str, Any] = {
    "operation_id": "import_suppressions",
    "tags": ["Suppression"],
    "request": {"text/csv": {"type": "string"}},
    "responses": {
        200: an_object(
            {
                "counts": an_object({"added": COUNT, "known": COUNT, "refused": COUNT}),
                "refused": a_list(an_object({"line": COUNT, "detail": TEXT})),
            }
        )
    }
    | problems(400, 401, 403, 408, 409, 413, 415, 429, 500, 503),
    "examples": [
        OpenApiExample(
            "Two addresses",
            request_only=True,
            media_type="text/csv",
            value="email,kind,reason\nsomeone@ok.test,hard,bounced\nother@ok.test,hand,asked us\n",
        )
    ],
}
EXPORT: dict[str, Any] = {
    "operation_id": "export_suppressions",
    "tags": ["Suppression"],
    "responses": {(200, "text/csv"): {"type": "string"}} | problems(401, 403, 429, 500, 503),
}
