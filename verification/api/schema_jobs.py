"""What OpenAPI says of listing and steering jobs: docs/api/job-request.md."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from verification.api.schema import FLAG, SHORT, STATUS, TEXT, a_list, an_object, one_of, problems
from verification.api.schema_account import DAY
from verification.api.schema_usage import CURSOR, NEXT
from verification.models import JobSource, JobStatus

LISTED = an_object(
    STATUS["properties"]
    | {
        "name": TEXT | {"description": "Of the uploaded list."},
        "source": one_of(JobSource),
        "sandbox": FLAG,
        "referenceJob": TEXT,
        "costCenter": TEXT,
        "campaignId": TEXT,
    }
)
PROGRESS: dict[str, Any] = {
    "meta": {
        "jobId": "8f14e45f-ceea-467f-9b36-2c2e2f4a3d10",
        "receivedTs": "2026-11-25T09:30:00.000Z",
        "state": {"type": "ACCEPTED", "subType": "FULL", "phase": "PROCESS"},
    },
    "status": "paused",
    "counts": {
        "total": 3,
        "decided": 1,
        "undecided": 0,
        "waiting": 2,
        "refused": 0,
        "duplicate": 0,
        "cancelled": 0,
    },
    "startedTs": "2026-11-25T09:30:00.100Z",
    "finishedTs": None,
}


def steering(operation: str) -> dict[str, Any]:  # Any: arguments of extend_schema
    return {
        "operation_id": operation,
        "tags": ["Jobs"],
        "request": None,
        "responses": {200: STATUS} | problems(401, 403, 404, 408, 409, 413, 429, 500, 503),
        "examples": [OpenApiExample("A paused job", response_only=True, status_codes=["200"], value=PROGRESS)],
    }


PAUSE, RESUME, CANCEL = steering("pause_job"), steering("resume_job"), steering("cancel_job")
DELETE: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "delete_job",
    "tags": ["Jobs"],
    "responses": {204: None} | problems(401, 403, 404, 408, 413, 429, 500, 503),
}
LIST: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "list_jobs",
    "tags": ["Jobs"],
    "parameters": [
        OpenApiParameter("status", str, description=f"Some of `{','.join(JobStatus.values)}`."),
        OpenApiParameter("source", str, description="`upload` (lists of the pages), `api`, or both."),
        OpenApiParameter("referenceJob", SHORT, description="Exactly this one."),
        OpenApiParameter("costCenter", SHORT),
        OpenApiParameter("campaignId", SHORT),
        OpenApiParameter("from", DAY, description="Handed in on this day (UTC) or later."),
        OpenApiParameter("to", DAY, description="On this day or before."),
        OpenApiParameter("limit", int, description="Jobs in one answer, 1 to 100, the default."),
        CURSOR,
    ],
    "responses": {200: an_object({"jobs": a_list(LISTED), "next": NEXT})} | problems(400, 401, 403, 429, 500, 503),
    "examples": [
        OpenApiExample(
            "One job",
            response_only=True,
            value={
                "jobs": [
                    PROGRESS
                    | {
                        "name": "",
                        "source": "api",
                        "sandbox": False,
                        "referenceJob": "autumn",
                        "costCenter": "",
                        "campaignId": "",
                    }
                ],
                "next": None,
            },
        )
    ],
}
