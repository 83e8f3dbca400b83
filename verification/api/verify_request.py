"""Reads the body of `POST /api/v1/verify`: docs/api/native.md."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from verification.api.json_reader import JsonRefused, load

LONGEST_ADDRESS = 255
MAX_WAIT_SECONDS = 90
DEFAULT_WAIT_SECONDS = 20.0
OLDEST_SECONDS = 30 * 24 * 3600
DEFAULT_AGE_SECONDS = 7_200

Errors = dict[str, list[str]]


class NotJson(Exception):
    """A body that is no JSON object; str() says what is wrong and where."""


class NotValid(Exception):
    """Members that cannot be taken, each with what is wrong."""

    def __init__(self, errors: Errors) -> None:
        super().__init__("Some values are not valid.")
        self.errors = errors


@dataclass(frozen=True, slots=True)
class VerifyRequest:
    """`max_wait` and `max_age` in seconds."""

    email: str
    max_wait: float
    max_age: int


def read(body: bytes) -> VerifyRequest:
    """Give what is asked for.  Raises NotJson, NotValid."""
    try:
        document = load(body)
    except JsonRefused as fault:
        raise NotJson(str(fault)) from fault
    if not isinstance(document, dict):
        raise NotJson("The body must be a JSON object.")
    errors: Errors = {}
    for name, value in document.items():
        fault_found = MEMBERS[name](value) if name in MEMBERS else "There is no such member."
        if fault_found:
            errors[name[:100]] = [fault_found]
    if "email" not in document:
        errors["email"] = ["This field is required."]
    if errors:
        raise NotValid(errors)
    return VerifyRequest(
        email=document["email"],
        max_wait=float(document.get("maxWait", DEFAULT_WAIT_SECONDS)),
        max_age=int(document.get("maxAge", DEFAULT_AGE_SECONDS)),
    )


def fault_of_email(value: object) -> str:
    if not isinstance(value, str):
        return "Must be a string."
    if not value.strip():
        return "May not be blank."
    return f"Must have {LONGEST_ADDRESS} characters at most." if len(value) > LONGEST_ADDRESS else ""


def fault_of_max_wait(value: object) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if is_number and 1 <= value <= MAX_WAIT_SECONDS:  # type: ignore[operator]  # a number
        return ""
    return f"Must be a number from 1 to {MAX_WAIT_SECONDS}."


def fault_of_max_age(value: object) -> str:
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if is_whole and 0 <= value <= OLDEST_SECONDS:  # type: ignore[operator]  # a number
        return ""
    return f"Must be a whole number from 0 to {OLDEST_SECONDS}."


MEMBERS: dict[str, Callable[[object], str]] = {
    "email": fault_of_email,
    "maxWait": fault_of_max_wait,
    "maxAge": fault_of_max_age,
}
