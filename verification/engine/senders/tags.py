"""Tag lists, as DKIM and DMARC records are written (RFC 6376 section 3.2, RFC 7489 section 6.4)."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class TagsFaulty(ValueError):
    """The text is no list of tags."""


def read_tags(text: str) -> dict[str, str]:
    """Read `name=value; name=value`, in order.  Raises TagsFaulty."""
    tags: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip():
        parts.pop()
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise TagsFaulty("it is no list of name=value")
        if name in tags:
            raise TagsFaulty(f"{name}= is there twice")
        tags[name] = value
    return tags
