"""What OpenAPI says of `/api/v1/erasures`: docs/erasure.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from verification.api.schema import COUNT, IDEMPOTENCY_KEY, JOB_ID, TEXT, TIME, a_list, an_object, problems
from verification.api.schema_usage import CURSOR, NEXT

ERASURE = an_object(
    {
        "id": JOB_ID,
        "status": {"type": "string", "enum": ["working", "done"]},
        "hash": TEXT | {"description": "Of the address, under a key of the account."},
        "requestedTs": TIME,
        "doneTs": TIME,
        "erased": an_object(
            {
                "checks": COUNT | {"description": "Rows about this person."},
                "mentions": COUNT | {"description": "Texts in other rows, names and notes."},
                "results": COUNT | {"description": "Verdicts that lost their evidence."},
                "memories": COUNT | {"description": "Remembered mailboxes, and answers kept to be given again."},
                "uploads": COUNT | {"description": "Lists that were brought and not started."},
            }
        ),
    }
)
RECEIPT: dict[str, Any] = {
    "id": "0b3a5c1e-6a0f-4f39-8f0e-0c6f5a3b9d11",
    "status": "done",
    "hash": "5e3c0a",
    "requestedTs": "2026-11-25T09:30:00.000Z",
    "doneTs": "2026-11-25T09:30:02.000Z",
    "erased": {"checks": 3, "mentions": 0, "results": 3, "memories": 1, "uploads": 0},
}
ERASE: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "erase_address",
    "tags": ["Erasures"],
    "parameters": [IDEMPOTENCY_KEY],
    "request": {"application/json": an_object({"email": TEXT | {"maxLength": 500}})},
    "responses": {202: ERASURE} | problems(400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503),
    "examples": [
        OpenApiExample("A person", request_only=True, value={"email": "someone@ok.test"}),
        OpenApiExample("A receipt", response_only=True, status_codes=["202"], value=RECEIPT),
    ],
}
LIST: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "list_erasures",
    "tags": ["Erasures"],
    "parameters": [
        OpenApiParameter("limit", int, description="Receipts in one answer, 1 to 100, the default."),
        CURSOR,
    ],
    "responses": {200: an_object({"erasures": a_list(ERASURE), "next": NEXT})} | problems(400, 401, 403, 429, 500, 503),
}
LOOK: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "look_at_erasure",
    "tags": ["Erasures"],
    "responses": {200: ERASURE} | problems(401, 403, 404, 429, 500, 503),
    "examples": [OpenApiExample("A receipt", response_only=True, value=RECEIPT)],
}
