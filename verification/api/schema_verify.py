"""What OpenAPI says of `POST /api/v1/verify`: docs/api/native.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

from verification.api.schema import (
    COUNT,
    FLAG,
    IDEMPOTENCY_KEY,
    TEXT,
    TIME,
    VERDICT,
    a_list,
    an_object,
    one_of,
    problems,
)
from verification.api.verify_request import (
    DEFAULT_AGE_SECONDS,
    DEFAULT_WAIT_SECONDS,
    LONGEST_ADDRESS,
    MAX_WAIT_SECONDS,
    OLDEST_SECONDS,
)
from verification.engine.types import Blame, CatchAllState, MailHostsOutcome, Meaning, Stage, SyntaxFault, Trouble

PERHAPS: dict[str, Any] = {"type": ["string", "null"]}  # Any: JSON schema


def perhaps_one_of(values: Any) -> dict[str, Any]:  # Any: an enum; JSON schema
    return {"type": ["string", "null"], "enum": [*(value.value for value in values if value.value), None]}


REQUEST = an_object(
    {
        "email": {"type": "string", "minLength": 1, "maxLength": LONGEST_ADDRESS, "pattern": r"\S"},
        "maxWait": {
            "type": "number",
            "minimum": 1,
            "maximum": MAX_WAIT_SECONDS,
            "default": DEFAULT_WAIT_SECONDS,
            "description": "Seconds to wait for mail servers.",
        },
        "maxAge": {
            "type": "integer",
            "minimum": 0,
            "maximum": OLDEST_SECONDS,
            "default": DEFAULT_AGE_SECONDS,
            "description": "Age in seconds of an earlier answer that will do; 0 asks anew.",
        },
    },
    optional=("maxWait", "maxAge"),
) | {"additionalProperties": False}
ATTEMPT = an_object(
    {
        "stage": one_of(Stage),
        "host": PERHAPS,
        "address": PERHAPS,
        "source": PERHAPS,
        "code": {"type": ["integer", "null"]},
        "enhancedCode": PERHAPS,
        "text": PERHAPS,
        "trouble": perhaps_one_of(Trouble),
        "meaning": one_of(Meaning),
        "milliseconds": COUNT,
        "tls": PERHAPS,
    }
)
EVIDENCE = an_object(
    {
        "syntaxFault": perhaps_one_of(SyntaxFault),
        "syntaxDetail": PERHAPS,
        "mailHosts": perhaps_one_of(MailHostsOutcome),
        "mailHostsDetail": PERHAPS,
        "spamTrap": FLAG,
        "notProbed": PERHAPS,
        "ourFault": PERHAPS,
        "attempts": a_list(ATTEMPT),
    }
)
ANSWER = an_object(
    {
        "result": VERDICT["properties"]["result"],
        "reason": VERDICT["properties"]["reason"],
        "blame": one_of(Blame),
        "email": TEXT,
        "user": TEXT,
        "domain": TEXT,
        "normalized": PERHAPS | {"description": "The mailbox as its provider files it; null for what is no address."},
        "didYouMean": PERHAPS | {"description": "The address that was probably meant."},
        "role": FLAG,
        "free": FLAG,
        "disposable": FLAG,
        "provider": PERHAPS,
        "mailServerLocation": VERDICT["properties"]["mailServerLocation"],
        "catchAll": an_object({"state": one_of(CatchAllState), "probedTs": TIME, "host": PERHAPS}),
        "final": FLAG | {"description": "False: a later try may say something else."},
        "charged": FLAG,
        "reused": FLAG,
        "checkedTs": TIME,
        "duration": VERDICT["properties"]["duration"],
        "evidence": EVIDENCE,
    }
)
VERIFY: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "verify_address",
    "tags": ["Single addresses"],
    "parameters": [IDEMPOTENCY_KEY],
    "request": {"application/json": REQUEST},
    "responses": {200: ANSWER} | problems(400, 401, 402, 403, 408, 409, 413, 415, 422, 429, 500, 503),
    "examples": [OpenApiExample("An address", request_only=True, value={"email": "someone@ok.test"})],
}
