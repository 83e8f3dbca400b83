"""What OpenAPI says of `/api/v1/webhooks`: docs/api/webhooks.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from verification.api.schema import COUNT, IDEMPOTENCY_KEY, TEXT, TIME, a_list, an_object, one_of, problems
from verification.api.schema_keys import PERHAPS
from verification.api.schema_usage import CURSOR, NEXT
from verification.domain.webhooks.endpoints import LONGEST_DESCRIPTION
from verification.domain.webhooks.targets import LONGEST_URL
from verification.models import DeliveryState, EventType

Schema = dict[str, Any]  # Any: JSON schema
UUID: Schema = {"type": "string", "format": "uuid"}
PERHAPS_UUID = UUID | {"type": ["string", "null"]}
PERHAPS_TIME = TIME | {"type": ["string", "null"]}
PERHAPS_NUMBER: Schema = {"type": ["integer", "null"]}
URL = TEXT | {"maxLength": LONGEST_URL}
EVENTS = a_list(one_of(EventType)) | {"description": "None, or all: everything."}
WEBHOOK_ID = OpenApiParameter("webhook_id", UUID, OpenApiParameter.PATH)

ENDPOINT = an_object(
    {
        "id": UUID,
        "url": URL,
        "description": TEXT,
        "events": a_list(one_of(EventType)),
        "active": {"type": "boolean"},
        "fault": PERHAPS | {"description": "Why it is switched off."},
        "failingSinceTs": PERHAPS_TIME,
        "createdTs": TIME,
    }
)
SECRET = PERHAPS | {"description": "Shown this once; null when the answer is given again."}
WITH_SECRET = ENDPOINT | {
    "properties": ENDPOINT["properties"] | {"secret": SECRET},
    "required": [*ENDPOINT["required"], "secret"],
}
DESCRIPTION = TEXT | {"maxLength": LONGEST_DESCRIPTION}
NEW = an_object({"url": URL, "events": EVENTS, "description": DESCRIPTION}, optional=("events", "description")) | {
    "additionalProperties": False
}
CHANGED = an_object(
    {"url": URL, "events": EVENTS, "description": DESCRIPTION, "active": {"type": "boolean"}},
    optional=("url", "events", "description", "active"),
) | {"additionalProperties": False}
TRY = an_object({"ts": TIME, "status": PERHAPS_NUMBER, "error": PERHAPS, "ms": COUNT})
DELIVERY = an_object(
    {
        "id": UUID,
        "webhookId": PERHAPS_UUID | {"description": "null: of a job's own `notification`."},
        "jobId": PERHAPS_UUID | {"description": "null: a test."},
        "event": {"type": ["string", "null"]},
        "firstSeq": PERHAPS_NUMBER,
        "lastSeq": PERHAPS_NUMBER,
        "state": one_of(DeliveryState),
        "tries": a_list(TRY) | {"description": "The newest 20."},
        "nextTryTs": PERHAPS_TIME,
        "createdTs": TIME,
    }
)
TAG = {"tags": ["Webhooks"]}
USUAL = (401, 403, 429, 500, 503)
WITH_BODY = (400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503)
LIST_ENDPOINTS: dict[str, Any] = TAG | {  # Any: arguments of extend_schema, here and below
    "operation_id": "list_webhooks",
    "responses": {200: an_object({"webhooks": a_list(ENDPOINT)})} | problems(*USUAL),
}
ADD_ENDPOINT: dict[str, Any] = TAG | {
    "operation_id": "add_webhook",
    "parameters": [IDEMPOTENCY_KEY],
    "request": {"application/json": NEW},
    "responses": {201: WITH_SECRET} | problems(*WITH_BODY),
    "examples": [
        OpenApiExample(
            "Verdicts only",
            request_only=True,
            value={"url": "https://hooks.customer.example/candour", "events": ["VERIFIED", "PROCESSED"]},
        )
    ],
}
LOOK_AT_ENDPOINT: dict[str, Any] = TAG | {
    "operation_id": "look_at_webhook",
    "parameters": [WEBHOOK_ID],
    "responses": {200: ENDPOINT} | problems(404, *USUAL),
}
CHANGE_ENDPOINT: dict[str, Any] = TAG | {
    "operation_id": "change_webhook",
    "parameters": [WEBHOOK_ID],
    "request": {"application/json": CHANGED},
    "responses": {200: ENDPOINT} | problems(400, 401, 403, 404, 408, 413, 415, 429, 500, 503),
    "examples": [OpenApiExample("Switched off", request_only=True, value={"active": False})],
}
REMOVE_ENDPOINT: dict[str, Any] = TAG | {
    "operation_id": "remove_webhook",
    "parameters": [WEBHOOK_ID],
    "responses": {204: None} | problems(404, *USUAL),
}
RENEW_SECRET: dict[str, Any] = TAG | {
    "operation_id": "renew_webhook_secret",
    "parameters": [WEBHOOK_ID, IDEMPOTENCY_KEY],
    "request": None,
    "responses": {200: an_object({"secret": SECRET})} | problems(404, *WITH_BODY),
}
RENEW_NOTIFICATION_SECRET: dict[str, Any] = TAG | {
    "operation_id": "renew_notification_secret",
    "parameters": [IDEMPOTENCY_KEY],
    "request": None,
    "responses": {200: an_object({"secret": SECRET})} | problems(*WITH_BODY),
}
SEND_TEST: dict[str, Any] = TAG | {
    "operation_id": "test_webhook",
    "parameters": [WEBHOOK_ID],
    "request": None,
    "responses": {202: DELIVERY} | problems(404, *USUAL),
}
LIST_DELIVERIES: dict[str, Any] = TAG | {
    "operation_id": "list_webhook_deliveries",
    "parameters": [
        OpenApiParameter("limit", int, description="Deliveries in one answer, 1 to 100, the default."),
        OpenApiParameter("state", str, description="Words with commas between them: pending, delivered, failed."),
        OpenApiParameter("webhook", UUID, description="Of one endpoint."),
        OpenApiParameter("job", UUID, description="What one job has sent by its `notification`."),
        CURSOR,
    ],
    "responses": {200: an_object({"deliveries": a_list(DELIVERY), "next": NEXT})} | problems(400, *USUAL),
}
REPLAY: dict[str, Any] = TAG | {
    "operation_id": "replay_webhook_delivery",
    "parameters": [OpenApiParameter("delivery_id", UUID, OpenApiParameter.PATH)],
    "request": None,
    "responses": {202: DELIVERY} | problems(404, 409, *USUAL),
}
