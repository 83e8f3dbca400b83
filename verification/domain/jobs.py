"""Pause, resume and cancel: instant and exact to the row."""

from __future__ import annotations

from django.db import connection, transaction

from accounts.domain import quota
from verification.domain import bells
from verification.models import Batch, Event, EventType, Job, JobStatus


class WrongStatus(Exception):
    """The job is not in a status that allows this: it has ended, or has not begun."""


def pause(*, job: Job) -> None:
    """Claim no more of a job's rows; those being worked on are still written.  Raises WrongStatus."""
    if not Job.objects.filter(pk=job.pk, status=JobStatus.RUNNING).update(status=JobStatus.PAUSED):
        raise WrongStatus


def resume(*, job: Job) -> None:
    """Go on with a paused job.  Raises WrongStatus."""
    with transaction.atomic():
        if not Job.objects.filter(pk=job.pk, status=JobStatus.PAUSED).update(status=JobStatus.RUNNING):
            raise WrongStatus
        bells.ring()


CANCEL = """
UPDATE verification_job
SET status = 'cancelled', cancelled = cancelled + waiting, waiting = 0, finished_at = now(), event_seq = event_seq + 1
WHERE id = %s AND status IN ('running', 'paused')
RETURNING event_seq
"""


def cancel(*, job: Job) -> None:
    """Stop a job: results stay, the rest is given back.  Raises WrongStatus.

    Takes the batches' locks first, as the flush does: what it has written counts, what it has not is dropped.
    """
    with transaction.atomic():
        list(Batch.objects.filter(job=job).select_for_update().order_by("pk").values_list("pk"))
        Batch.objects.filter(job=job).delete()
        with connection.cursor() as cursor:
            cursor.execute(CANCEL, [job.pk])
            row = cursor.fetchone()
        if row is None:
            raise WrongStatus
        Event.objects.create(
            job=job,
            account_id=job.account_id,
            type=EventType.PROCESSED,
            sub_type="PROCESSING_CANCELLED",
            first_seq=row[0],
            last_seq=row[0],
        )
        if not job.sandbox:
            quota.close(reference=f"job:{job.pk}", entry=f"job:{job.pk}:cancel")
