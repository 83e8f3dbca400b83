"""What OpenAPI says of the account's routes: docs/api/native.md."""

from __future__ import annotations

from typing import Any

from django.db.models import BooleanField, PositiveIntegerField

from accounts.models import Account, AccountConfig, KeyKind
from verification.api.names import camel_case
from verification.api.schema import COUNT, FLAG, TEXT, TIME, an_object, one_of, problems

NUMBER: dict[str, Any] = {"type": "integer"}  # Any: JSON schema


def members_of(kind: type, schema: dict[str, Any]) -> dict[str, Any]:  # Any: JSON schema
    fields = AccountConfig._meta.get_fields()
    return an_object({camel_case(field.name): schema for field in fields if isinstance(field, kind)})


ACCOUNT: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "look_at_account",
    "tags": ["Account"],
    "responses": {
        200: an_object(
            {
                "name": TEXT,
                "slug": TEXT,
                "status": one_of(Account.Status),
                "createdTs": TIME,
                "monthlyQuota": COUNT,
                "resetDay": COUNT,
                "features": members_of(BooleanField, FLAG),
                "limits": members_of(PositiveIntegerField, COUNT),
                "key": an_object({"id": NUMBER, "name": TEXT, "kind": one_of(KeyKind), "prefix": TEXT}),
            }
        )
    }
    | problems(401, 429, 500, 503),
}
DAY: dict[str, Any] = {"type": "string", "format": "date"}  # Any: JSON schema
PERHAPS_DAY: dict[str, Any] = {  # Any: JSON schema
    "type": ["string", "null"],
    "format": "date",
    "description": "When nothing will be left at the pace of the last seven days; null: not before the period ends.",
}
QUOTA: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "look_at_quota",
    "tags": ["Account"],
    "responses": {
        200: an_object(
            {
                "period": an_object(
                    {"startsOn": DAY, "endsOn": DAY, "granted": COUNT, "used": COUNT, "reserved": COUNT}
                ),
                "credit": an_object({"balance": COUNT, "reserved": COUNT}),
                "left": COUNT,
                "forecast": an_object({"perDay": {"type": "number", "minimum": 0}, "runsOutOn": PERHAPS_DAY}),
            }
        )
    }
    | problems(401, 429, 500, 503),
}
