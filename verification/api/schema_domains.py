"""What OpenAPI says of the sending domains' route."""

from __future__ import annotations

from typing import Any

from verification.api.schema import FLAG, TEXT, TIME, an_object, one_of, problems
from verification.models import CheckKind, LastCheck

NULLABLE_TEXT: dict[str, Any] = {"type": ["string", "null"]}  # Any: JSON schema
CHECK = an_object(
    {
        "lastCheck": one_of(LastCheck),
        "checkedTs": TIME,
        "cause": NULLABLE_TEXT,
        "trouble": NULLABLE_TEXT,
    }
)
DOMAIN = an_object(
    {"domain": TEXT, "createdTs": TIME, "proved": FLAG} | {kind.value: CHECK for kind in CheckKind},
)
DOMAINS: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "list_sending_domains",
    "tags": ["Account"],
    "responses": {200: an_object({"domains": {"type": "array", "items": DOMAIN}})} | problems(401, 429, 500, 503),
}
