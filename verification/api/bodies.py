"""Small JSON bodies: an object whose members have known names and types."""

from __future__ import annotations

from typing import Any

from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.request import Request

from verification.api.json_reader import JsonRefused, load
from verification.api.media_types import is_plain_json

WORDS = {str: "a string", int: "a whole number", bool: "true or false"}


def object_of(request: Request) -> dict[str, Any]:  # Any: JSON
    """Give the body, which must be a JSON object.  Raises UnsupportedMediaType, ParseError."""
    if not is_plain_json(request):
        raise UnsupportedMediaType(request.headers.get("Content-Type", "")[:100])
    try:
        document = load(request._request.body)
    except JsonRefused as fault:
        raise ParseError(str(fault)) from fault
    if not isinstance(document, dict):
        raise ParseError("The body must be a JSON object.")
    return document


def members_of(request: Request, **wanted: type) -> dict[str, Any]:  # Any: JSON
    """Give the members of the body, which must be these.  Raises UnsupportedMediaType, ParseError, ValidationError."""
    document = object_of(request)
    errors = {name[:100]: ["There is no such member."] for name in document.keys() - wanted.keys()}
    for name, kind in wanted.items():
        if name not in document:
            errors[name] = ["This field is required."]
        elif type(document[name]) is not kind:
            errors[name] = [f"Must be {WORDS[kind]}."]
    if errors:
        raise ValidationError(errors)
    return document
