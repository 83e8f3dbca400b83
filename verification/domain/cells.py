"""Cells of exported lists: the columns we add, and the rule that keeps spreadsheets from evaluating a cell.

The rule: a cell that begins with = + - @ (also full-width), tab, carriage return or line feed, or with apostrophes
before one of them, gets one apostrophe in front.  A list whose last columns are RESULT_COLUMNS, or those of an earlier
version, was exported by us: on reading it that apostrophe is taken away again, so that export and upload give the
original cells back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

EARLIER_COLUMNS = (
    "Checked Email Address",
    "Status",
    "Additional Status Info",
    "Domain Country Code",
    "Mail Server Country Code",
    "Blame",
    "Checked At",
)
RESULT_COLUMNS = (*EARLIER_COLUMNS, "Normalized Email Address", "Did You Mean")
GUARDED = r"^'*[-=+@＝＋－＠\t\r\n]"  # the same in Python and in Postgres

needs_guard = re.compile(GUARDED).match


def guard(cell: str) -> str:
    return f"'{cell}" if needs_guard(cell) else cell


def unguard(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and needs_guard(cell) else cell


def named(column: str) -> tuple[str, ...]:
    """Give the columns we add for one of several that hold addresses."""
    return tuple(f"{column}: {ours}" for ours in RESULT_COLUMNS)


def is_our_export(columns: Sequence[str]) -> bool:
    last = tuple(columns[-len(RESULT_COLUMNS) :])
    if last and last == named(last[-1].removesuffix(f": {RESULT_COLUMNS[-1]}")):
        return True
    return any(tuple(columns[-len(ours) :]) == ours for ours in (RESULT_COLUMNS, EARLIER_COLUMNS))
