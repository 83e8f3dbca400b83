"""The checks that the history shows as a file, newest first; UTF-8 without a byte order mark.

Each piece is a short statement of its own, as with the rows of a job: memory stays flat, and a slow reader holds no
transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection

from accounts.models import Account
from verification.domain import history
from verification.domain.cells import guard
from verification.domain.exports import encoded
from verification.domain.history import Place, Wanted

PIECE_ROWS = 2_000
COLUMNS = (
    *("Asked At", "Email Address", "Status", "Additional Status Info", "Blame", "Checked At", "Charged"),
    *("Normalized Email Address", "Did You Mean", "List", "List Id", "Row", "Key"),
)
GUARDED = [COLUMNS.index(name) for name in ("Email Address", "Normalized Email Address", "Did You Mean", "List", "Key")]
UTC_TEXT = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
ROWS = f"""
SELECT chosen.created_at, chosen.id, {UTC_TEXT.format("c.created_at")}, c.address, r.result,
       CASE WHEN r.result IS NULL AND c.classifier NOT IN ('', 'DUPLICATE') THEN c.classifier ELSE r.reason END,
       r.blame, {UTC_TEXT.format("r.checked_at")},
       CASE WHEN r.charged AND c.duplicate_of IS NULL THEN '1' ELSE '0' END,
       r.normalized, r.did_you_mean, coalesce(nullif(j.name, ''), j.reference_job), j.id::text,
       CASE WHEN j.id IS NOT NULL THEN (c.position + 1)::text END, k.name
FROM ({{}}) AS chosen JOIN verification_check c ON c.id = chosen.id
LEFT JOIN LATERAL (
    SELECT * FROM verification_checkresult WHERE check_row_id = CASE WHEN c.duplicate_of IS NULL THEN c.id ELSE (
        SELECT f.id FROM verification_check f WHERE f.job_id = c.job_id AND f.position = c.duplicate_of
    ) END LIMIT 1
) r ON true
LEFT JOIN LATERAL (SELECT * FROM verification_job WHERE id = c.job_id LIMIT 1) j ON true
LEFT JOIN LATERAL (SELECT name FROM accounts_licensekey WHERE id = coalesce(c.key_id, j.key_id) LIMIT 1) k ON true
ORDER BY chosen.created_at DESC, chosen.id DESC
"""  # constants


def export(*, account: Account, wanted: Wanted) -> Iterator[bytes]:
    """Give the checks that are wanted as CSV, piece by piece."""
    yield encoded([list(COLUMNS)])
    place: Place | None = None
    while True:
        asked = history.statement(
            account=account, wanted=wanted, before=place, limit=PIECE_ROWS, walk=max(PIECE_ROWS, history.WALK_ROWS)
        )
        with connection.cursor() as cursor:
            cursor.execute(ROWS.format(asked.chosen), asked.values)
            rows = cursor.fetchall()
        place = Place(*rows[-1][:2]) if len(rows) == PIECE_ROWS else history.where_it_ended(asked)
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        if rows:
            yield encoded(line(row) for row in rows)
        if place is None:
            return


def line(row: tuple[Any, ...]) -> list[str]:  # Any: columns of the statement
    cells = [cell or "" for cell in row[2:]]
    for at in GUARDED:
        cells[at] = guard(cells[at])
    return cells
