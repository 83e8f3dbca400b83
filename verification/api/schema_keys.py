"""What OpenAPI says of license keys: docs/api/native.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from accounts.domain.key_rules import LARGEST_LIMIT, LONGEST_NAME, NETWORKS_AT_MOST
from accounts.models import KeyKind, Scope
from verification.api.schema import IDEMPOTENCY_KEY, TEXT, TIME, a_list, an_object, one_of, problems
from verification.api.schema_account import NUMBER
from verification.api.schema_usage import CURSOR, NEXT

Schema = dict[str, Any]  # Any: JSON schema
PERHAPS: Schema = {"type": ["string", "null"]}
OWN_LIMIT: Schema = {"type": ["integer", "null"], "minimum": 1, "maximum": LARGEST_LIMIT}
SCOPES = a_list(one_of(Scope)) | {"minItems": 1}
NETWORKS = a_list(TEXT) | {"maxItems": NETWORKS_AT_MOST}
KEY_ID = OpenApiParameter("key_id", {"type": "integer", "minimum": 1}, OpenApiParameter.PATH)

KEY = an_object(
    {
        "id": NUMBER,
        "name": TEXT,
        "kind": one_of(KeyKind),
        "prefix": TEXT | {"description": "To recognise it by."},
        "state": {"type": "string", "enum": ["valid", "expired", "revoked"]},
        "scopes": a_list(one_of(Scope)),
        "allowedNetworks": a_list(TEXT) | {"description": "None: from anywhere."},
        "monthlyCap": {"type": ["integer", "null"]},
        "callsPerMinute": {"type": ["integer", "null"]},
        "createdTs": TIME,
        "expiresTs": TIME,
        "revokedTs": TIME,
        "lastUsedTs": TIME | {"description": "To five minutes."},
        "lastUsedFrom": PERHAPS,
        "previous": {
            "oneOf": [an_object({"prefix": TEXT, "untilTs": TIME}), {"type": "null"}],
            "description": "The secret before a rotation, while it is let in.",
        },
    }
)
WITH_SECRET = KEY | {
    "properties": KEY["properties"]
    | {"secret": PERHAPS | {"description": "The key itself, this once; null when the answer is given again."}},
    "required": [*KEY["required"], "secret"],
}
NEW_KEY = an_object(
    {
        "name": TEXT | {"minLength": 1, "maxLength": LONGEST_NAME},
        "kind": one_of(KeyKind) | {"description": "That of the key that asks unless said."},
        "scopes": SCOPES | {"description": "All but `account` that the key that asks has, unless said."},
        "allowedNetworks": NETWORKS | {"description": "Those of the key that asks unless said."},
        "monthlyCap": OWN_LIMIT,
        "callsPerMinute": OWN_LIMIT,
        "expiresTs": TIME | {"description": "When the key that asks expires, unless said."},
    },
    optional=("kind", "scopes", "allowedNetworks", "monthlyCap", "callsPerMinute", "expiresTs"),
) | {"additionalProperties": False}
ROTATION = an_object(
    {"oldUntilTs": TIME | {"description": "Until when the secret before is let in, 90 days at most; null: no more."}}
) | {"additionalProperties": False}

LIST_KEYS: Schema = {  # arguments of extend_schema, here and below
    "operation_id": "list_keys",
    "tags": ["License keys"],
    "parameters": [OpenApiParameter("limit", int, description="Keys in one answer, 1 to 100, the default."), CURSOR],
    "responses": {200: an_object({"keys": a_list(KEY), "next": NEXT})} | problems(400, 401, 403, 429, 500, 503),
}
MAKE_KEY: Schema = {
    "operation_id": "make_key",
    "tags": ["License keys"],
    "parameters": [IDEMPOTENCY_KEY],
    "request": {"application/json": NEW_KEY},
    "responses": {201: WITH_SECRET} | problems(400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503),
    "examples": [
        OpenApiExample(
            "For one program on one network",
            request_only=True,
            value={
                "name": "Nightly import",
                "scopes": ["jobs", "results"],
                "allowedNetworks": ["127.0.0.0/8", "192.0.2.0/24"],
                "monthlyCap": 10_000,
                "expiresTs": "2099-12-31T00:00:00Z",
            },
        ),
        OpenApiExample(
            "With the powers of the key that asks, but for `account`", request_only=True, value={"name": "CRM"}
        ),
    ],
}
LOOK_AT_KEY: Schema = {
    "operation_id": "look_at_key",
    "tags": ["License keys"],
    "parameters": [KEY_ID],
    "responses": {200: KEY} | problems(401, 403, 404, 429, 500, 503),
}
ROTATE_KEY: Schema = {
    "operation_id": "rotate_key",
    "tags": ["License keys"],
    "parameters": [KEY_ID, IDEMPOTENCY_KEY],
    "request": {"application/json": ROTATION},
    "responses": {200: WITH_SECRET} | problems(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503),
    "examples": [
        OpenApiExample("The old secret ends at once", request_only=True, value={"oldUntilTs": None}),
    ],
}
REVOKE_KEY: Schema = {
    "operation_id": "revoke_key",
    "tags": ["License keys"],
    "parameters": [KEY_ID],
    "responses": {204: None} | problems(401, 403, 404, 429, 500, 503),
}
