"""What is past its days goes: lists, jobs and single checks with their addresses.  Ledger and tallies stay.

In blocks, each a short transaction that the next process finds done or not begun: kill -9 between two of them leaves a
job that nobody sees and of which some rows are left.
"""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.db import connection, transaction

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models.config import LONGEST_RETENTION_DAYS, RETENTION_DAYS
from verification.domain import jobs, prepared, uploads
from verification.domain.failpoints import failpoint
from verification.models import Batch, Event, Job, Tally, Upload

BLOCK_ROWS = 5_000
JOBS_AT_ONCE = 50
HELD_DAYS = 7  # of a list that is held and that nobody starts, at most

# The days of the account's own row; rows of sending domains do not count.
_DAYS = f"""
LEFT JOIN accounts_accountconfig c ON c.account_id = a.id AND c.sending_domain = ''
CROSS JOIN LATERAL (SELECT least(coalesce(c.retention_days, {RETENTION_DAYS}), {LONGEST_RETENTION_DAYS})) AS kept(days)
"""
OLD_JOBS = f"""
SELECT j.id, term.days FROM verification_job j JOIN accounts_account a ON a.id = j.account_id {_DAYS}
CROSS JOIN LATERAL (SELECT CASE WHEN j.is_held AND j.finished_at IS NULL THEN least(kept.days, {HELD_DAYS})
                           ELSE kept.days END) AS term(days)
WHERE j.deleted_at IS NULL AND coalesce(j.finished_at, j.created_at) < now() - make_interval(days => term.days)
ORDER BY j.created_at LIMIT %(limit)s
"""  # constants
OLD_CALLS = f"""
SELECT old.id, a.id FROM accounts_account a {_DAYS}
CROSS JOIN LATERAL (
    SELECT id FROM verification_check
    WHERE account_id = a.id AND job_id IS NULL AND created_at < now() - make_interval(days => kept.days)
    ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) AS old
LIMIT %(limit)s
"""  # constants
OLD_BOUNCES = f"""
UPDATE verification_bounce SET digest = NULL WHERE id IN (
    SELECT b.id FROM verification_bounce b JOIN accounts_account a ON a.id = b.account_id {_DAYS}
    WHERE b.digest IS NOT NULL AND b.added_at < now() - make_interval(days => kept.days)
    ORDER BY b.added_at LIMIT %(limit)s FOR UPDATE OF b SKIP LOCKED
)
"""  # constants; the fact stays as a figure
NEXT_DELETED = """
SELECT id FROM verification_job WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
ROWS_OF_JOB = "SELECT id FROM verification_check WHERE job_id = %(job)s ORDER BY position LIMIT %(limit)s"
DELETE_CHECKS = (
    "DELETE FROM verification_knownmailbox WHERE check_row_id = ANY(%(ids)s)",
    "DELETE FROM verification_checkresult WHERE check_row_id = ANY(%(ids)s)",
    "DELETE FROM verification_check WHERE id = ANY(%(ids)s)",
)


def delete_old_jobs() -> int:
    """Delete up to 50 jobs whose days are over, for all to see, and tell how many; what has not ended is cancelled."""
    with connection.cursor() as cursor:
        cursor.execute(OLD_JOBS, {"limit": JOBS_AT_ONCE})
        days_of = dict(cursor.fetchall())
    for job in Job.objects.filter(pk__in=days_of).select_related("account"):
        jobs.delete(job=job, actor=None, reason=f"kept for {days_of[job.pk]} days")
    return len(days_of)


@transaction.atomic
def delete_block() -> bool:
    """Delete a block of what a deleted job has, and with the last one the job; False when there is nothing to do."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_DELETED)
        row = cursor.fetchone()
        if row is None:
            return False
        cursor.execute(ROWS_OF_JOB, {"job": row[0], "limit": BLOCK_ROWS})
        numbers = [number for (number,) in cursor.fetchall()]
    delete_checks(numbers)
    failpoint("block_before_commit")
    if len(numbers) < BLOCK_ROWS and delete_events(row[0]) < BLOCK_ROWS:
        delete_emptied(Job.objects.select_related("upload").get(pk=row[0]))
    return True


def delete_checks(numbers: list[int]) -> None:
    with connection.cursor() as cursor:
        for statement in DELETE_CHECKS:
            cursor.execute(statement, {"ids": numbers})


def delete_events(job_id: UUID) -> int:
    first = Event.objects.filter(job_id=job_id).order_by("last_seq").values("pk")[:BLOCK_ROWS]
    return Event.objects.filter(pk__in=list(first.values_list("pk", flat=True))).delete()[0]


def delete_emptied(job: Job) -> None:
    """Delete a job without rows, with its list's row and file."""
    for model in (Tally, Batch):
        model._default_manager.filter(job=job).delete()
    prepared.forget_all_of_job(job)
    upload = job.upload
    job.delete()
    if upload is not None:
        Upload.objects.filter(pk=upload.pk).delete()
        transaction.on_commit(partial(uploads.forget_file, upload))


@transaction.atomic
def delete_old_calls() -> int:
    """Delete a block of single checks whose days are over, and tell how many."""
    with connection.cursor() as cursor:
        cursor.execute(OLD_CALLS, {"limit": BLOCK_ROWS})
        found = cursor.fetchall()
    if found:
        delete_checks([number for number, _ in found])
        counts = {"rows": len(found), "accounts": len({account for _, account in found})}
        audit.record(
            action=Action.CALLS_DELETED, actor=None, reason="kept for the days of their accounts", before=counts
        )
    return len(found)


def forget_old_bounces() -> int:
    """Leave a block of bounces whose days are over without their mailbox, and tell how many."""
    with connection.cursor() as cursor:
        cursor.execute(OLD_BOUNCES, {"limit": BLOCK_ROWS})
        forgotten: int = cursor.rowcount
    return forgotten
