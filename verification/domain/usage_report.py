"""Reports of usage, grouped as asked for and read page by page, from the counts that usage.py keeps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from accounts.models import Account

LONGEST_DAYS = 366
USUAL_DAYS = 30


@dataclass(frozen=True, slots=True)
class Span:
    """Days of a report, both included."""

    first: date
    last: date


def clamp(first: date | None, last: date | None, *, today: date) -> Span:
    """Give the days that a report can be about: none to come, the last 30 unless said, 366 at most."""
    end = min(last or today, today)
    start = first or days_before(end, USUAL_DAYS - 1)
    return Span(min(max(start, days_before(end, LONGEST_DAYS - 1)), end), end)


def days_before(day: date, count: int) -> date:
    return date.fromordinal(max(day.toordinal() - count, 1))


# What a report may be grouped by: columns, and their types for the row to go on behind.  A key of 0 stands for none,
# so that rows can be compared.
GROUPS: dict[str, dict[str, str]] = {
    "day": {"day": "date"},
    "key": {"coalesce(key_id, 0)": "bigint"},
    "verdict": {"result": "text", "reason": "text", "blame": "text"},
}
# What is folded, and what is not yet.
COUNTS = """
SELECT day, key_id, result, reason, blame, count, charged FROM verification_dailytally
WHERE coalesce(account_id, 0) = %s AND day BETWEEN %s AND %s
UNION ALL
SELECT day, key_id, result, reason, blame, count, charged FROM verification_pendingtally
WHERE account_id = %s AND day BETWEEN %s AND %s
"""
Row = tuple[Any, ...]  # Any: columns


def report(
    *, account: Account, span: Span, groups: Collection[str], after: Sequence[str] | None, limit: int
) -> list[Row]:
    """Give rows of the grouped columns, then checks and charged, in the order of these columns: see usage.by_day.
    Without groups that is one row, whose sums are None when nothing was counted.

    `after` holds the grouped values of the row to go on behind.
    """
    types = {column: kind for name in GROUPS if name in groups for column, kind in GROUPS[name].items()}
    columns = ", ".join(types)
    shown = f"{columns}, " if types else ""
    behind = ", ".join(f"%s::{kind}" for kind in types.values())
    statement = f"""
        SELECT {shown}sum(count)::bigint, sum(charged)::bigint FROM ({COUNTS}) AS counts
        {f"WHERE ({columns}) > ({behind})" if after else ""}
        {f"GROUP BY {columns} ORDER BY {columns}" if types else ""} LIMIT %s
    """
    values: list[Any] = [*2 * (account.pk, span.first, span.last), *(after or ()), limit]  # Any: SQL parameters
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
