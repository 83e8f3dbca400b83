"""Names as programs read them on the wire."""

from __future__ import annotations


def camel_case(name: str) -> str:
    """Turn `rows_per_upload` into `rowsPerUpload`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
