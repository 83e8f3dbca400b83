"""Members of a job request as they should be; what is not is rejected with its path.  docs/api/job-request.md"""

from __future__ import annotations

from typing import Any

from verification.api.rejections import Rejected, SubType

LONGEST_REFERENCE = 50


def an_object(value: object, path: str) -> dict[str, Any]:  # Any: JSON
    if value is None:
        raise missing(path)
    if not isinstance(value, dict):
        raise invalid_format(path)
    return value


def optional_object(holder: dict[str, Any], name: str, path: str) -> dict[str, Any]:  # Any: JSON
    value = holder.get(name)
    return {} if value is None else an_object(value, path)


def full_list(holder: dict[str, Any], name: str, path: str) -> list[Any]:  # Any: JSON
    value = holder.get(name)
    if value is None or value == []:
        raise missing(path)
    if not isinstance(value, list):
        raise invalid_format(path)
    return value


def short_text(holder: dict[str, Any], name: str, path: str) -> str:  # Any: JSON
    value = holder.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid_format(path)
    if len(value) > LONGEST_REFERENCE:
        raise too_long(path)
    if "\0" in value:
        raise invalid_value(path)
    return value


def missing(path: str) -> Rejected:
    return Rejected(SubType.MISSING_VALUE, f"Missing mandatory value for {path}")


def invalid_format(path: str) -> Rejected:
    return Rejected(SubType.INVALID_FORMAT, f"Invalid format for {path}")


def invalid_value(path: str) -> Rejected:
    return Rejected(SubType.INVALID_VALUE, f"Invalid value for {path}")


def too_long(path: str) -> Rejected:
    return Rejected(SubType.LIMIT_EXCEEDED, f"Size limit exceeded for {path}")


def unsupported(path: str) -> Rejected:
    return Rejected(SubType.FORBIDDEN_PARAMS, f"Unsupported value for {path}")
