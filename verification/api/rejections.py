"""Why a job request is rejected, and how that is answered: docs/api/job-request.md."""

from __future__ import annotations

import uuid
from enum import StrEnum
from typing import Any


class SubType(StrEnum):
    """The reasons of the wire contract."""

    UNAUTHORIZED = "UNAUTHORIZED"
    INVALID_JSON_SYNTAX = "INVALID_JSON_SYNTAX"
    MISSING_VALUE = "MISSING_VALUE"
    INVALID_VALUE = "INVALID_VALUE"
    INVALID_FORMAT = "INVALID_FORMAT"
    INVALID_SENDER = "INVALID_SENDER"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    FORBIDDEN_BY_CONFIG = "FORBIDDEN_BY_CONFIG"
    DISABLED_IN_ACCOUNT_CONFIG = "DISABLED_IN_ACCOUNT_CONFIG"
    FORBIDDEN_PARAMS = "FORBIDDEN_PARAMS"
    FORBIDDEN_SENDER = "FORBIDDEN_SENDER"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    IN_PROGRESS = "IN_PROGRESS"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    RATE_LIMITED = "RATE_LIMITED"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    INTERNAL_ERROR = "INTERNAL_ERROR"


STATUS: dict[SubType, int] = {
    SubType.UNAUTHORIZED: 401,
    SubType.QUOTA_EXCEEDED: 402,
    SubType.DISABLED_IN_ACCOUNT_CONFIG: 403,
    SubType.FORBIDDEN_BY_CONFIG: 403,
    SubType.FORBIDDEN_PARAMS: 403,
    SubType.FORBIDDEN_SENDER: 403,
    SubType.REQUEST_TIMEOUT: 408,
    SubType.IN_PROGRESS: 409,
    SubType.UNSUPPORTED_MEDIA_TYPE: 415,
    SubType.IDEMPOTENCY_KEY_REUSED: 422,
    SubType.RATE_LIMITED: 429,
    SubType.INTERNAL_ERROR: 500,
}  # every other: 400


class Rejected(Exception):
    """A job request that is not taken; nothing of it was kept."""

    def __init__(self, sub_type: SubType, description: str, *, status: int | None = None) -> None:
        super().__init__(description)
        self.sub_type = sub_type
        self.description = description
        self.status = status or STATUS.get(sub_type, 400)


def rejection(sub_type: SubType, description: str) -> dict[str, Any]:  # Any: JSON
    """Give the body of a rejection."""
    state = {"type": "REJECTED", "subType": sub_type.value, "phase": "PRE_PROCESS", "description": description}
    return {"meta": {"jobId": str(uuid.uuid4()), "state": state}}
