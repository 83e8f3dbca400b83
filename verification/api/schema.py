"""What OpenAPI says of the routes whose shapes are contracts: docs/api/."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from verification.domain.job_features import FIELDS
from verification.engine.types import Blame, Reason, Result
from verification.models import Classifier, JobStatus

Schema = dict[str, Any]  # Any: JSON schema


def an_object(members: Schema, *, optional: tuple[str, ...] = ()) -> Schema:
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
    }


def a_list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def one_of(values: Any) -> Schema:  # Any: an enum
    return {"type": "string", "enum": [value.value for value in values]}


TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": ["string", "null"], "format": "date-time"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
SHORT: Schema = {"type": "string", "maxLength": 50}
JOB_ID: Schema = {"type": "string", "format": "uuid"}

VERDICT = an_object(
    {
        "result": one_of(Result),
        "reason": one_of(Reason),
        "role": FLAG,
        "free": FLAG,
        "disposable": FLAG,
        "email": TEXT,
        "domain": TEXT,
        "user": TEXT,
        "mailServerLocation": TEXT | {"description": "ISO 3166 alpha-2, empty when not known."},
        "duration": COUNT | {"description": "Milliseconds."},
    }
)
PROBLEM = an_object({"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT})
STATE = an_object(
    {
        "type": {"type": "string", "enum": ["ACCEPTED"]},
        "subType": {"type": "string", "enum": ["FULL", "PART"]},
        "phase": {"type": "string", "enum": ["PRE_PROCESS", "PROCESS", "FINISHED"]},
    }
)
META = an_object({"jobId": JOB_ID, "receivedTs": TIME, "state": STATE})
REJECTION = an_object(
    {
        "meta": an_object(
            {
                "jobId": JOB_ID,
                "state": an_object(
                    {
                        "type": {"type": "string", "enum": ["REJECTED"]},
                        "subType": TEXT,
                        "phase": {"type": "string", "enum": ["PRE_PROCESS"]},
                        "description": TEXT,
                    }
                ),
            }
        )
    }
)
REQUEST = an_object(
    {
        "recipients": a_list(
            an_object(
                {"mail": an_object({"to": a_list(an_object({"email": TEXT}))}), "reference": SHORT},
                optional=("reference",),
            )
        ),
        "mail": an_object({"from": an_object({"email": TEXT})}, optional=("from",)),
        "job": an_object(
            {
                "referenceJob": SHORT,
                "costCenter": SHORT,
                "campaignId": SHORT,
                "features": an_object(dict.fromkeys(FIELDS, an_object({"active": FLAG})), optional=tuple(FIELDS)),
                "options": an_object(
                    {"maxAgeSeconds": COUNT, "greylistHours": COUNT | {"maximum": 24}},
                    optional=("maxAgeSeconds", "greylistHours"),
                ),
            },
            optional=("referenceJob", "costCenter", "campaignId", "features", "options"),
        ),
        "attachments": a_list(an_object({"name": TEXT, "contentType": TEXT, "content": TEXT | {"format": "byte"}})),
    },
    optional=("recipients", "mail", "job", "attachments"),
)
ACCEPTED = an_object(
    {
        "meta": META,
        "content": an_object(
            {
                "recipients": a_list(
                    an_object(
                        {
                            "mail": an_object(
                                {
                                    "to": a_list(
                                        an_object(
                                            {
                                                "id": TEXT,
                                                "email": TEXT,
                                                "validationResult": an_object(
                                                    {
                                                        "classifier": {
                                                            "type": "string",
                                                            "enum": [one.value for one in Classifier if one.value],
                                                        },
                                                        "message": TEXT,
                                                    },
                                                    optional=("message",),
                                                ),
                                            },
                                            optional=("validationResult",),
                                        )
                                    )
                                }
                            )
                        }
                    )
                )
            }
        ),
    }
)
QUOTE = an_object(
    {
        "dryRun": FLAG,
        "counts": an_object(dict.fromkeys(("total", "taken", "refused", "duplicate", "reusable"), COUNT)),
        "cost": COUNT | {"description": "Checks, at most."},
        "quota": an_object({"left": COUNT, "enough": FLAG}),
        "seconds": {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "By the pace of the account's last job; null when there is none to go by.",
        },
    }
)
STATUS = an_object(
    {
        "meta": META,
        "status": one_of(JobStatus),
        "counts": an_object(
            dict.fromkeys(("total", "decided", "undecided", "waiting", "refused", "duplicate", "cancelled"), COUNT)
        ),
        "startedTs": TIME,
        "finishedTs": TIME,
    }
)
RESULTS = an_object(
    {
        "results": a_list(
            an_object(
                {"id": TEXT, "email": TEXT, "reference": TEXT}
                | VERDICT["properties"]
                | {"blame": one_of(Blame), "final": FLAG}
            )
        ),
        "next": {"type": ["string", "null"], "format": "uri"},
    }
)


def problems(*codes: int) -> dict[Any, Any]:  # Any: drf-spectacular's keys
    return {(code, "application/problem+json"): PROBLEM for code in codes}


def phrases(**codes: str) -> dict[Any, Any]:  # Any: drf-spectacular's keys
    return {
        (int(code.strip("_")), "text/plain"): OpenApiResponse(response=TEXT, description=words)
        for code, words in codes.items()
    }


def rejections(*codes: int) -> dict[Any, Any]:  # Any: drf-spectacular's keys
    return dict.fromkeys(codes, REJECTION)


IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255},
    OpenApiParameter.HEADER,
    description="Sent again with the same key within 24 hours, a request has one effect and gets one answer.",
)
LIVE_PARAMETERS = [
    OpenApiParameter("e", str, required=True, description="The address. A raw `+` is a plus sign."),
    OpenApiParameter("k", str, description="The license key, unless it is in a header."),
    OpenApiParameter("max_wait", float, description="Seconds to wait for mail servers, 1 to 90; default 20."),
    OpenApiParameter("max_age", int, description="Age in seconds of an earlier answer that will do; default 7200."),
]
LIVE_CHECK: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "check_address",
    "tags": ["Single addresses"],
    "parameters": LIVE_PARAMETERS,
    "request": None,
    "responses": {200: VERDICT}
    | phrases(
        _400="`Bad request. Reason:…`",
        _401="`Invalid license key. Reason:…`",
        _429="`Too many requests. …`",
        _500="`Server error. …`",
        _503="`Server error. …`",
    ),
}
LIVE_SANDBOX = LIVE_CHECK | {"operation_id": "check_address_in_sandbox"}
HAND_IN_JOB: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "hand_in_job",
    "tags": ["Jobs"],
    "parameters": [
        IDEMPOTENCY_KEY,
        OpenApiParameter("dryRun", str, enum=["true", "false"], description="Say what it would come to; keep nothing."),
    ],
    "request": {"application/json": REQUEST},
    "responses": {200: QUOTE, 202: ACCEPTED} | rejections(400, 401, 402, 403, 408, 409, 413, 415, 422, 429, 500, 503),
    "examples": [
        OpenApiExample(
            "Two recipients",
            request_only=True,
            value={
                "recipients": [
                    {
                        "mail": {"to": [{"email": "Jane <jane@ok.test>"}, {"email": "joe@catchall.test"}]},
                        "reference": "crm-17",
                    }
                ]
            },
        ),
        OpenApiExample(
            "A quote (dryRun=true)",
            response_only=True,
            status_codes=["200"],
            value={
                "dryRun": True,
                "counts": {"total": 6, "taken": 3, "refused": 2, "duplicate": 1, "reusable": 1},
                "cost": 3,
                "quota": {"left": 997, "enough": True},
                "seconds": 12,
            },
        ),
    ],
}
LOOK_AT_JOB: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "look_at_job",
    "tags": ["Jobs"],
    "responses": {200: STATUS} | problems(401, 403, 404, 429, 500, 503),
}
READ_RESULTS: dict[str, Any] = {  # Any: arguments of extend_schema
    "operation_id": "read_results",
    "tags": ["Jobs"],
    "parameters": [
        OpenApiParameter("limit", int, description="Results in one answer, 1 to 1000; default 100."),
        OpenApiParameter("after", int, description="Part of `next`."),
        OpenApiParameter("result", str, description="Only some of `Ok,Bad,RetryLater,Unverifiable`."),
        OpenApiParameter("reason", str, description="Only some reasons, with commas between them."),
        OpenApiParameter("blame", str, description="Only some blames, with commas between them."),
        OpenApiParameter("final", str, enum=["true", "false"], description="Only what is final, or what is not."),
    ],
    "responses": {200: RESULTS} | problems(400, 401, 403, 404, 429, 500, 503),
    "examples": [
        OpenApiExample(
            "One result",
            response_only=True,
            value={
                "results": [
                    {
                        "id": "8f14e45f-ceea-467f-9b36-2c2e2f4a3d10#00000000#00000000",
                        "email": "jane@ok.test",
                        "reference": "crm-17",
                        "result": "Ok",
                        "reason": "Success",
                        "role": False,
                        "free": False,
                        "disposable": False,
                        "domain": "ok.test",
                        "user": "jane",
                        "mailServerLocation": "",
                        "duration": 12,
                        "blame": "none",
                        "final": True,
                    }
                ],
                "next": None,
            },
        )
    ],
}
