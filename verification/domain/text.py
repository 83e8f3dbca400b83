"""What Postgres can store of a text."""

from __future__ import annotations

import json
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps would make one each time


def storable(text: str) -> str:
    """Replace what text columns and jsonb refuse: NUL and lone surrogates (U+FFFD stands for them)."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def storable_cells(cells: list[str]) -> list[str]:
    """Do as `storable` for the cells of a row."""
    joined = "".join(cells)
    if joined.isascii() and "\0" not in joined:
        return cells
    return [storable(cell) for cell in cells]


def storable_json(data: dict[str, Any]) -> str:  # Any: JSON
    """Dump JSON that jsonb takes."""
    text = _encode(data)
    if "\\u0000" in text:
        text = _encode(without_nul(data))
    return storable(text)


def without_nul(value: Any) -> Any:  # Any: JSON
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {key: without_nul(member) for key, member in value.items()}
    return [without_nul(member) for member in value] if isinstance(value, list | tuple) else value
