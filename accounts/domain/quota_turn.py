"""The turn of a period: what was left of its grant lapses, and the ledger says so.

The next period begins by itself with the first call that needs it (quota_moves.making_period).  Here the one that is
over is closed, by the database's clock: what nobody holds any more lapses at once, what is set aside when it comes
back.  Ten minutes late, as a transaction that began before midnight may still take from the old period.
"""

from __future__ import annotations

from django.db import connection

PERIODS = 1_000  # in one transaction

RESET = """
WITH over AS (
    SELECT id, account_id, granted, used, reserved, lapsed, granted - used - reserved - lapsed AS open
    FROM accounts_quotaperiod
    WHERE reset_at IS NULL AND ends_on <= ((now() - interval '10 minutes') AT TIME ZONE 'UTC')::date
      AND (reserved = 0 OR granted - used - reserved - lapsed > 0)
    ORDER BY id LIMIT %(periods)s FOR NO KEY UPDATE SKIP LOCKED
), closed AS (
    UPDATE accounts_quotaperiod p
    SET granted = over.granted, used = over.used, reserved = over.reserved, lapsed = over.lapsed + over.open,
        reset_at = CASE WHEN over.reserved = 0 THEN now() END
    FROM over WHERE p.id = over.id
), booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'reset', open, 'reset:' || id || ':' || lapsed + open, id, '', now() FROM over WHERE open > 0
)
SELECT count(*) FROM over
"""


def reset_ended() -> int:
    """Close up to 1,000 periods that are over, and tell how many were touched.  Two at once do no harm."""
    with connection.cursor() as cursor:
        cursor.execute(RESET, {"periods": PERIODS})
        row = cursor.fetchone()
    return int(row[0])
