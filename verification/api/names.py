"""Names as programs read them on the wire."""

from __future__ import annotations


def camel_case(name: str) -> str:
    """Turn `rows_per_upload` into `rowsPerUpload`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


MOMENTS = {"expires_at": "expiresTs", "old_until": "oldUntilTs"}


def on_the_wire(field: str) -> str:
    """Give the member that stands for a field: moments end in Ts."""
    return MOMENTS.get(field, camel_case(field))
