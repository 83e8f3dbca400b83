"""Which columns of a list hold addresses, and where in a row they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from verification.engine import syntax

AROUND_AT = re.compile(r"[^\s@]@+[^\s@]")  # a handle like @jane is none


def is_address(cell: str) -> bool:
    """Tell whether a cell is written as an address is, perhaps with a name around it."""
    return syntax.parse(syntax.split_display_name(cell)).fault is None


def address_columns(records: Sequence[Sequence[str]]) -> list[int]:
    """Give the columns that hold addresses; [] when there is none.

    A column counts when at least half of its cells are addresses.  Where no column does, the one with most cells
    around an @ is taken: a list of bad addresses is a list, too.
    """
    width = max(map(len, records))
    shares = [share_of_addresses(cells_of(records, column)) for column in range(width)]
    likely = [column for column, (valid, _) in enumerate(shares) if valid >= 0.5]
    if likely:
        return likely
    best = max(range(width), key=lambda column: shares[column][1])
    return [best] if shares[best][1] else []


def cells_of(records: Sequence[Sequence[str]], column: int) -> list[str]:
    cells = [cells[column].strip() for cells in records if column < len(cells)]
    if len(cells) > 1 and "@" not in cells[0]:
        del cells[0]  # a header, perhaps
    return [cell for cell in cells if cell]


def share_of_addresses(cells: Sequence[str]) -> tuple[float, float]:
    """Give the share of cells that are addresses, and of those that are meant to be."""
    with_at = [cell for cell in cells if AROUND_AT.search(cell)]
    valid = sum(1 for cell in with_at if is_address(cell))
    return (valid / len(cells), len(with_at) / len(cells)) if cells else (0.0, 0.0)


def places_of_addresses(cells: Sequence[str], columns: Sequence[int]) -> list[int]:
    """Give which of the columns are not empty in a row; the first one when all are.

    Apostrophes count as nothing: those of our own exports may or may not have been taken away.
    """
    places = [
        place for place, column in enumerate(columns) if column < len(cells) and cells[column].replace("'", "").strip()
    ]
    return places or [0]
