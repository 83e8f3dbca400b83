"""What an account's verdicts turned out to be worth: shares decided, and `Ok` that bounced, by provider and month.

Denominators are the daily tallies, numerators the facts that bounces.py keeps; results are never read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection

from accounts.models import Account

MOST_MONTHS = 12
USUAL_MONTHS = 3
MOST_ROWS = 1_000

REPORT = """
WITH counted AS (
    SELECT date_trunc('month', day)::date AS month, provider, sum(count)::bigint AS checks,
           coalesce(sum(count) FILTER (WHERE result IN ('Ok', 'Bad')), 0)::bigint AS decided,
           coalesce(sum(count) FILTER (WHERE result = 'Ok'), 0)::bigint AS ok
    FROM (
        SELECT day, provider, result, count FROM verification_dailytally
        WHERE coalesce(account_id, 0) = %(account)s AND day >= %(since)s
        UNION ALL
        SELECT day, provider, result, count FROM verification_pendingtally
        WHERE account_id = %(account)s AND day >= %(since)s
    ) AS tallies GROUP BY 1, 2
), bounced AS (
    SELECT month, provider, count(*) AS bounced FROM verification_bounce
    WHERE account_id = %(account)s AND month >= %(since)s AND result = 'Ok' AND kind = 'hard' GROUP BY 1, 2
)
SELECT month, provider, coalesce(checks, 0), coalesce(decided, 0), coalesce(ok, 0), coalesce(bounced, 0)
FROM counted FULL JOIN bounced USING (month, provider)
ORDER BY month DESC, coalesce(checks, 0) DESC, provider LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Final verdicts of a month (UTC) at a provider, "" where it is none of those we know.

    `bounced`: mailboxes found `Ok` in it that bounced for good within 30 days of the verdict.
    """

    month: date
    provider: str
    checks: int
    decided: int
    ok: int
    bounced: int

    @property
    def share_decided(self) -> float | None:
        return share(self.decided, self.checks)

    @property
    def share_bounced(self) -> float | None:
        return share(self.bounced, self.ok)


def share(part: int, whole: int) -> float | None:
    """Give a share between 0 and 1, None of nothing."""
    return min(round(part / whole, 6), 1.0) if whole else None


def report(*, account: Account, months: int, now: datetime) -> list[Accuracy]:
    """Give the last months of an account, the present one among them, newest first."""
    today = now.astimezone(UTC).date()
    number = today.year * 12 + today.month - months  # of the first month, those of year 0 counted from 0
    since = date(number // 12, number % 12 + 1, 1)
    with connection.cursor() as cursor:
        cursor.execute(REPORT, {"account": account.pk, "since": since, "limit": MOST_ROWS})
        return [Accuracy(*row) for row in cursor.fetchall()]
