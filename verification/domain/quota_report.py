"""What an account has used of its present period, for a caller who holds one of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from verification.domain.live import Desk, who_asks

USED = """
SELECT used FROM accounts_quotaperiod
WHERE account_id = %(account_id)s AND starts_on <= (now() AT TIME ZONE 'UTC')::date
  AND ends_on > (now() AT TIME ZONE 'UTC')::date
"""


@dataclass(frozen=True, slots=True)
class QuotaReport:
    """`left` counts prepaid checks, too; `resets_at` is when the next period begins."""

    account_id: int
    used: int
    left: int
    resets_at: datetime


async def report(desk: Desk, secret: str, client: str) -> QuotaReport:
    """Tell how an account's quota stands.  Raises a kind of AccessRefused, FeatureDisabled."""
    grant = await who_asks(desk, secret, client)
    async with desk.pool.connection() as connection:
        cursor = await connection.execute(USED, {"account_id": grant.account_id})
        row = await cursor.fetchone()
    return QuotaReport(grant.account_id, row[0] if row else 0, grant.quota_left, grant.resets_at)
