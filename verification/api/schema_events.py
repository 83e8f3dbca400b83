"""What OpenAPI says of the event feeds: docs/api/events.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from verification.api.schema import COUNT, JOB_ID, SHORT, TEXT, VERDICT, a_list, an_object, one_of, problems
from verification.engine.types import Blame
from verification.models import EventType

MOMENT: dict[str, Any] = {"type": "string", "format": "date-time"}  # Any: JSON schema
META = an_object(
    {
        "account": TEXT,
        "receivedTs": MOMENT,
        "jobId": JOB_ID,
        "version": {"type": "string", "enum": ["1"]},
        "referenceJob": SHORT,
        "costCenter": SHORT,
        "campaignId": SHORT,
    },
    optional=("referenceJob", "costCenter", "campaignId"),
)
EVENT = an_object(
    {
        "type": one_of(EventType),
        "phase": {"type": "string", "enum": ["PRE_PROCESS", "PROCESS", "FINISHED"]},
        "state": {"type": "string", "enum": ["IN_PROGRESS", "FINISHED"]},
        "subType": TEXT,
        "ts": MOMENT,
        "description": TEXT,
    },
    optional=("description",),
)
NOTIFICATION = an_object(
    {
        "meta": an_object(
            {
                "seq": COUNT,
                "mail": an_object({"id": TEXT, "email": TEXT, "reference": SHORT}, optional=("reference",)),
                "event": EVENT,
            },
            optional=("mail",),
        ),
        "content": an_object(VERDICT["properties"] | {"blame": one_of(Blame)}),
    },
    optional=("content",),
)
MESSAGE = an_object({"meta": META, "notifications": a_list(NOTIFICATION)})
NEXT: dict[str, Any] = {"type": "string", "format": "uri"}  # Any: JSON schema
LIMIT = OpenApiParameter("limit", int, description="Events in one answer, 1 to 1000; default 100.")
WAIT = OpenApiParameter("wait", int, description="Seconds to wait for an event, up to 30; default 0.")

JOB = "3b0a6a9e-53b4-4f0c-8f6e-0d1d1f6a9a11"
SHOWN_META = {
    "account": "demo",
    "receivedTs": "2026-11-25T08:00:00.404Z",
    "jobId": JOB,
    "version": "1",
    "referenceJob": "spring",
}
SHOWN = [
    {
        "meta": {
            "seq": 1,
            "event": {
                "type": "STARTED",
                "phase": "PROCESS",
                "state": "IN_PROGRESS",
                "subType": "PROCESSING_STARTED",
                "ts": "2026-11-25T08:00:00.404Z",
            },
        }
    },
    {
        "meta": {
            "seq": 2,
            "mail": {"id": f"{JOB}#00000000#00000000", "email": "jane@ok.test", "reference": "crm-17"},
            "event": {
                "type": "VERIFIED",
                "phase": "FINISHED",
                "state": "FINISHED",
                "subType": "Ok",
                "ts": "2026-11-25T08:00:01.020Z",
            },
        },
        "content": {
            "result": "Ok",
            "reason": "Success",
            "role": False,
            "free": False,
            "disposable": False,
            "email": "jane@ok.test",
            "domain": "ok.test",
            "user": "jane",
            "mailServerLocation": "",
            "duration": 21,
            "blame": "none",
        },
    },
]
URL = "https://portal.example.com/api/v1"
JOB_EVENTS: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "read_job_events",
    "tags": ["Events"],
    "parameters": [
        OpenApiParameter("after", int, description="Number of the last event seen; default 0."),
        LIMIT,
        WAIT,
    ],
    "responses": {
        200: an_object(MESSAGE["properties"] | {"next": {"type": ["string", "null"], "format": "uri"}}),
    }
    | problems(400, 401, 403, 404, 429, 500, 503),
    "examples": [
        OpenApiExample(
            "Two events",
            response_only=True,
            status_codes=["200"],
            value={"meta": SHOWN_META, "notifications": SHOWN, "next": f"{URL}/jobs/{JOB}/events?after=2"},
        )
    ],
}
EVENTS: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "read_events",
    "tags": ["Events"],
    "parameters": [OpenApiParameter("after", str, description="Part of `next`; 0 begins anew."), LIMIT, WAIT],
    "responses": {200: an_object({"events": a_list(MESSAGE), "next": NEXT})} | problems(400, 401, 403, 429, 500, 503),
    "examples": [
        OpenApiExample(
            "Two events of one job",
            response_only=True,
            status_codes=["200"],
            value={
                "events": [{"meta": SHOWN_META, "notifications": SHOWN}],
                "next": f"{URL}/events?after=81264",
            },
        )
    ],
}
