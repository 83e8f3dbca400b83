"""What OpenAPI says of the routes of edition 3, which are no routes of Django's: docs/api/v3.md."""

from __future__ import annotations

from typing import Any

from verification.api.schema import COUNT, FLAG, TEXT, TIME, VERDICT, Schema, an_object

TAG = "Edition 3"
KEY = {"name": "key", "in": "path", "required": True, "schema": TEXT, "description": "The license key."}
EMAIL = {
    "name": "email",
    "in": "path",
    "required": True,
    "schema": TEXT,
    "description": "The address. A raw `+` is a plus sign.",
}
MORE = an_object(
    {
        "meta": an_object(dict.fromkeys(("email", "domain", "user", "tld", "lastModified", "expires"), TEXT)),
        "disposition": an_object({"isRole": FLAG, "isFreeMail": FLAG}),
        "emailVerification": an_object(
            {
                "syntaxVerification": an_object({"isSyntaxValid": FLAG, "reason": VERDICT["properties"]["reason"]}),
                "dnsVerification": an_object({"isDomainHasDnsRecord": FLAG, "isDomainHasMxRecords": FLAG}),
                "mailboxVerification": an_object({name: VERDICT["properties"][name] for name in ("result", "reason")}),
            }
        ),
        "infrastructure": an_object({"mail": an_object({"mailServerLocation": TEXT})}),
        "sendAssess": an_object(
            {"sendRecommendation": {"type": "string", "enum": ["None", "SafeToSend", "DoNotSend", "RiskyToSend"]}}
        ),
        "spamAssess": an_object(
            {
                "isDisposableEmailAddress": FLAG,
                "actionRecomendation": {"type": "string", "enum": ["Allow", "Block"]},
            }
        ),
        "hippoTrust": an_object(
            {
                "score": {"type": "number", "minimum": 0, "maximum": 10},
                "level": {"type": "string", "enum": ["None", "Low", "Medium", "High"]},
            }
        ),
    }
)
QUOTA = an_object(
    {
        "licenseKey": TEXT,
        "accountId": {"type": "integer"},
        "quotaUsed": COUNT,
        "quotaRemaining": {"type": "integer"},
        "nextQuotaResetDate": TIME,
        "reportedDate": TIME,
        "errorSummary": {"type": "string", "enum": ["Valid"]},
    }
)
PHRASES = {
    "400": "`Bad request. Reason:…`",
    "401": "`Invalid license key. Reason:…`",
    "404": "`Not found.`",
    "429": "`Too many requests. …`",
    "500": "`Server error. …`",
    "503": "`Server error. …`",
}


def operation(name: str, summary: str, parameters: list[Schema], answer: Schema) -> Schema:
    phrases = {
        code: {"description": words, "content": {"text/plain": {"schema": TEXT}}} for code, words in PHRASES.items()
    }
    found = {"200": {"description": "", "content": {"application/json": {"schema": answer}}}}
    return {
        "get": {
            "operationId": name,
            "description": summary,
            "tags": [TAG],
            "parameters": parameters,
            "security": [{}],
            "responses": found | phrases,
        }
    }


PATHS = {
    "/v3/more/json/{key}/{email}": operation(
        "check_address_in_edition_3", "Check one address now.", [KEY, EMAIL], MORE
    ),
    "/customer/reports/v3/quota/{key}": operation(
        "look_at_quota_in_edition_3", "Tell what was used and what is left.", [KEY], QUOTA
    ),
}


def add_paths(result: Schema, **_: Any) -> Schema:  # Any: drf-spectacular's hook
    """Describe these routes, too."""
    return result | {"paths": result["paths"] | PATHS}
