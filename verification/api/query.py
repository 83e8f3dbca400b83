"""Reads the parameters of a query, and leads from one page of a list to the next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from django.core import signing
from django.core.signing import BadSignature
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

LONGEST_CURSOR = 1_000


def text_of(request: Request, name: str) -> str | None:
    """Give a parameter that is given at most once.  Raises ValidationError."""
    values: list[str] = request.query_params.getlist(name)
    if len(values) > 1:
        raise ValidationError({name: ["May be given once only."]})
    return values[0] if values else None


def number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    text = text_of(request, name)
    if text is None:
        return default
    if not re.fullmatch(r"-?[0-9]{1,10}", text, re.ASCII) or not least <= int(text) <= most:
        raise ValidationError({name: [f"Must be a whole number from {least} to {most}."]})
    return int(text)


def day(request: Request, name: str) -> date | None:
    text = text_of(request, name)
    if text is None:
        return None
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValidationError({name: ["Must be a day like 2026-11-25."]})


def some_of(request: Request, name: str, *, choices: Sequence[str]) -> list[str]:
    """Give the words of a list with commas between them, in the order of the choices; all when it is not given."""
    text = text_of(request, name)
    if text is None:
        return list(choices)
    words = set(text.split(","))
    if not words <= set(choices):
        raise ValidationError({name: [f"Must be one or more of {', '.join(choices)}, with commas between them."]})
    return [choice for choice in choices if choice in words]


def behind(request: Request, *, of: str) -> list[Any] | None:  # Any: JSON
    """Give the values of the row that a cursor stands for; `of` names the list.  Raises ValidationError."""
    text = text_of(request, "cursor")
    if text is None:
        return None
    try:
        if len(text) <= LONGEST_CURSOR:
            values: list[Any] = signing.loads(text, salt=f"cursor:{of}")  # Any: JSON
            return values
    except (BadSignature, ValueError):
        pass
    raise ValidationError({"cursor": ["Must come from a `next` of this list."]})


def next_url(request: Request, values: Sequence[object], *, of: str) -> str:
    """Give the address of the page behind a row, the rest of the query as it is."""
    query = request.query_params.copy()
    query["cursor"] = signing.dumps([str(value) for value in values], salt=f"cursor:{of}")
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
