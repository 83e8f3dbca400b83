"""What an account has used of its present period, for a caller who holds one of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

from accounts.domain.admission import Admission
from accounts.domain.moves import arun
from accounts.domain.quota_moves import making_period
from verification.domain.live import Desk, who_asks

USED = """
SELECT used, ends_on FROM accounts_quotaperiod
WHERE account_id = %(account_id)s AND starts_on <= (now() AT TIME ZONE 'UTC')::date
  AND ends_on > (now() AT TIME ZONE 'UTC')::date
"""


@dataclass(frozen=True, slots=True)
class QuotaReport:
    """What is left is in `caller`, prepaid checks with it; `resets_at` is when the next period begins."""

    caller: Admission
    used: int
    resets_at: datetime


async def report(desk: Desk, secret: str, client: str) -> QuotaReport:
    """Tell how an account's quota stands.  Raises a kind of AccessRefused."""
    caller = await who_asks(desk, secret, client)
    async with desk.pool.connection() as connection:
        await arun(connection, making_period(caller.account_id))
        cursor = await connection.execute(USED, {"account_id": caller.account_id})
        row = await cursor.fetchone()
    assert row is not None
    return QuotaReport(caller, row[0], datetime.combine(row[1], time.min, tzinfo=UTC))
