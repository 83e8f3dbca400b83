"""What OpenAPI says of `POST /api/v1/bounces`: docs/bounces.md."""

from __future__ import annotations

import json
from typing import Any

from drf_spectacular.utils import OpenApiExample

from verification.api.schema import COUNT, TEXT, a_list, an_object, problems

TOLD = a_list(an_object({"row": COUNT, "detail": TEXT}))
STATUS = """\
Reporting-MTA: dns; mail.customer.example
Arrival-Date: Mon, 23 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; someone@ok.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown
"""
MAIL = f"""\
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

The message could not be delivered.

--b
Content-Type: message/delivery-status

{STATUS}
--b--
"""
SES = {
    "notificationType": "Bounce",
    "mail": {"destination": ["someone@ok.test"]},
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "timestamp": "2026-11-23T10:00:00.000Z",
        "bouncedRecipients": [
            {
                "emailAddress": "someone@ok.test",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 User unknown",
            }
        ],
    },
}
SENDGRID = [
    {"email": "someone@ok.test", "event": "bounce", "type": "bounce", "reason": "550 5.1.1 User unknown"},
    {"email": "other@ok.test", "event": "spamreport", "timestamp": 1795428000},
]
POSTMARK = {
    "RecordType": "Bounce",
    "Type": "HardBounce",
    "TypeCode": 1,
    "Email": "someone@ok.test",
    "Details": "smtp;550 5.1.1 User unknown",
    "BouncedAt": "2026-11-23T10:00:00Z",
}
SNS = {"Type": "Notification", "Message": json.dumps(SES)}


def an_example(name: str, value: object, kind: str = "application/json") -> OpenApiExample:
    return OpenApiExample(name, request_only=True, media_type=kind, value=value)


EVENT: dict[str, Any] = {"type": "object", "additionalProperties": True}  # Any: JSON schema
BOUNCES: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "take_bounces",
    "tags": ["Suppression"],
    "request": {
        "application/json": {"oneOf": [EVENT, a_list(EVENT)]},
        "message/rfc822": {"type": "string"},
        "text/plain": {"type": "string"},
    },
    "responses": {
        200: an_object(
            {
                "counts": an_object({"added": COUNT, "known": COUNT, "ignored": COUNT, "refused": COUNT}),
                "ignored": TOLD,
                "refused": TOLD,
            }
        )
    }
    | problems(400, 401, 403, 408, 409, 413, 415, 429, 500, 503),
    "examples": [
        an_example("Amazon SES", SES),
        an_example("SendGrid", SENDGRID),
        an_example("Postmark", POSTMARK),
        an_example("A bounce as mail", MAIL, "message/rfc822"),
        an_example("Amazon SNS", json.dumps(SNS), "text/plain"),
    ],
}
