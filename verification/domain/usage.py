"""Usage by day, key and verdict, read from tallies and never from results.

Whoever writes final results (the flush, the live check) adds rows to PendingTally in the same statement or
transaction; `fold` sums them up.  Readers add what is not yet folded, so that the figures are exact at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection

from accounts.models import Account

MOST_DAYS = 400
FOLD_ROWS = 20_000  # in one transaction

# Sorted, so that two sweepers cannot wait for each other.
FOLD = """
WITH gone AS (
    DELETE FROM verification_pendingtally WHERE id IN (
        SELECT id FROM verification_pendingtally ORDER BY id LIMIT %(rows)s FOR UPDATE SKIP LOCKED
    ) RETURNING *
), summed AS (
    SELECT account_id, day, key_id, source, result, reason, blame, provider,
           sum(count) AS count, sum(charged) AS charged
    FROM gone
    GROUP BY GROUPING SETS (
        (account_id, key_id, day, source, result, reason, blame, provider),
        (day, source, result, reason, blame, provider)
    )
), folded AS (
    INSERT INTO verification_dailytally AS t (
        account_id, day, key_id, source, result, reason, blame, provider, count, charged
    )
    SELECT account_id, day, key_id, source, result, reason, blame, provider, count, charged FROM summed
    ORDER BY coalesce(account_id, 0), day, coalesce(key_id, 0), source, result, reason, blame, provider
    ON CONFLICT (coalesce(account_id, 0), day, coalesce(key_id, 0), source, result, reason, blame, provider)
    DO UPDATE SET count = t.count + excluded.count, charged = t.charged + excluded.charged
)
SELECT count(*) FROM gone
"""

BY_DAY = """
SELECT day, key_id, source, result, reason, blame, sum(count)::bigint, sum(charged)::bigint
FROM (
    SELECT day, key_id, source, result, reason, blame, count, charged FROM verification_dailytally
    WHERE coalesce(account_id, 0) = %(account_id)s AND day BETWEEN %(start)s AND %(end)s
    UNION ALL
    SELECT day, key_id, source, result, reason, blame, count, charged FROM verification_pendingtally
    WHERE account_id = %(account_id)s AND day BETWEEN %(start)s AND %(end)s
) AS every
WHERE %(key_id)s::bigint IS NULL OR key_id = %(key_id)s
GROUP BY day, key_id, source, result, reason, blame
ORDER BY day, key_id NULLS FIRST, source, result, reason, blame
"""


@dataclass(frozen=True, slots=True)
class Used:
    """How many addresses got a verdict on a day (UTC), and how many of them cost a check.

    `key_id` is None for lists of the pages; `source` is "live" or "job".
    """

    day: date
    key_id: int | None
    source: str
    result: str
    reason: str
    blame: str
    count: int
    charged: int


class TooManyDays(Exception):
    """The range is longer than MOST_DAYS, or ends before it starts."""


def by_day(*, account: Account, start: date, end: date, key_id: int | None = None) -> list[Used]:
    """Give what an account used from `start` to `end`, both included, sorted by day, key and verdict.

    Final verdicts only, counted on the day they were given; sandbox keys count nothing; a verdict used again counts
    as any other.  Days without any have no row.  With `key_id` only what came by that key.  Raises TooManyDays.
    """
    if not 0 <= (end - start).days < MOST_DAYS:
        raise TooManyDays
    values: dict[str, int | date | None] = {"account_id": account.pk, "start": start, "end": end, "key_id": key_id}
    with connection.cursor() as cursor:
        cursor.execute(BY_DAY, values)
        return [Used(*row) for row in cursor.fetchall()]


def fold() -> int:
    """Sum up a portion of what was written since; gives how many rows that were.  Two at once do no harm."""
    with connection.cursor() as cursor:
        cursor.execute(FOLD, {"rows": FOLD_ROWS})
        row = cursor.fetchone()
    return int(row[0])
