"""How many rows of a list that is held have an earlier result: counted as the list is read, a piece at a time.

A result grows older while its list stands there, and how old one may be is chosen later.  So it is counted by when it
was found, in steps of ten minutes; a step counts as fresh as long as all of it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.domain.config import config_of
from verification.domain.known import digest_of_mailbox
from verification.domain.pieces import Piece
from verification.models import Job, KnownMailbox, KnownRows

OLDEST_DAYS = 30

# RetryLater and GreyListing pass too quickly to be worth a count.
NOTE = f"""
INSERT INTO verification_knownrows AS n (job_id, checked_at, count)
SELECT %(job)s, date_bin('10 minutes', k.checked_at, '2000-01-01 00:00+00') AS step, count(*)
FROM verification_knownmailbox k JOIN verification_checkresult r ON r.check_row_id = k.check_row_id
WHERE k.account_id = %(account)s AND k.digest = ANY(%(digests)s)
  AND k.checked_at > now() - interval '{OLDEST_DAYS} days' AND r.result <> 'RetryLater' AND r.reason <> 'GreyListing'
GROUP BY step ORDER BY step
ON CONFLICT (job_id, checked_at) DO UPDATE SET count = n.count + excluded.count
"""  # a constant
FRESH = """
SELECT age.seconds, coalesce(sum(n.count), 0)::bigint
FROM unnest(%(ages)s::int[]) AS age(seconds)
LEFT JOIN verification_knownrows n
  ON n.job_id = %(job)s AND n.checked_at > now() - make_interval(secs => age.seconds)
GROUP BY age.seconds
"""


def note(cursor: CursorWrapper, piece: Piece) -> None:
    """Add the rows of a piece that would be asked, and have an earlier result, to the counts of their job."""
    job = piece.job
    if not config_of(job.account).result_reuse or not KnownMailbox.objects.filter(account=job.account).exists():
        return
    key = bytes(job.account.hash_key)
    digests = [digest_of_mailbox(mailbox, hash_key=key) for mailbox in piece.asked]
    cursor.execute(NOTE, {**piece.names, "digests": digests})


def fresh(job: Job, *, ages: Sequence[int]) -> dict[int, int]:
    """Tell how many rows have a result not older than each of some ages, in seconds."""
    values: dict[str, Any] = {"job": job.pk, "ages": list(ages)}  # Any: SQL parameters
    with connection.cursor() as cursor:
        cursor.execute(FRESH, values)
        return {seconds: int(count) for seconds, count in cursor.fetchall()}


def forget(job: Job) -> None:
    """Drop the counts of a job, which nobody asks for any more."""
    KnownRows.objects.filter(job=job).delete()
