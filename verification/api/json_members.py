"""Reads the members of a JSON body whose meaning is more than their type, each with what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from verification.api.bodies import object_of

MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)  # RFC 3339
NAME_SHOWN = 100
REQUIRED = "This field is required."

Reader = Callable[[object], Any]  # Any: what the member means; raises ValueError with a sentence


def read_object(request: Request, members: Mapping[str, Reader], *, required: tuple[str, ...] = ()) -> dict[str, Any]:
    """Give the members that were sent, as their readers read them.  Raises UnsupportedMediaType, ParseError,
    ValidationError.
    """
    document = object_of(request)
    errors = {name: [REQUIRED] for name in required if name not in document}
    found: dict[str, Any] = {}  # Any: of the readers
    for name, value in document.items():
        if name not in members:
            errors[name[:NAME_SHOWN]] = ["There is no such member."]
            continue
        try:
            found[name] = members[name](value)
        except ValueError as fault:
            errors[name] = [str(fault)]
    if errors:
        raise ValidationError(errors)
    return found


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("Must be a string.")
    return value


def texts(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("Must be an array of strings.")
    return value


def whole_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise ValueError("Must be a whole number.")
    return int(value)


def moment(value: object) -> datetime:
    """Read a time with its offset from UTC."""
    try:
        if isinstance(value, str) and MOMENT.fullmatch(value):
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("Must be a time like 2026-11-25T13:00:00Z.")


def or_null(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def one_of(choices: Any) -> Reader:  # Any: an enum of strings
    def read(value: object) -> Any:  # Any: a member of it
        if value not in choices.values:
            raise ValueError(f"Must be one of {', '.join(choices.values)}.")
        return choices(value)

    return read
