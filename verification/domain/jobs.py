"""Pause, resume and cancel: instant and exact to the row, also while the rows of a list are still being read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.domain import audit, quota
from accounts.domain.audit import Action
from accounts.models import Account, User
from verification.domain import bells, prepared, uploads
from verification.models import Batch, CheckResult, Event, EventType, Job, JobStatus, Upload


class WrongStatus(Exception):
    """The job is not in a status that allows this: it has ended, or is not paused."""


def pause(*, job: Job) -> None:
    """Claim no more of a job's rows; those being worked on are still written.  Raises WrongStatus.

    A list is read on, so that its file need not be kept.  One that is held has nothing to pause.
    """
    at_work = Job.objects.filter(pk=job.pk, status__in=[JobStatus.RUNNING, JobStatus.PARSING], is_held=False)
    if not at_work.update(status=JobStatus.PAUSED):
        raise WrongStatus


RESUME = """
UPDATE verification_job SET status = CASE WHEN is_reading THEN 'parsing' ELSE 'running' END
WHERE id = %s AND status = 'paused'
"""


def resume(*, job: Job) -> None:
    """Go on with a paused job.  Raises WrongStatus."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RESUME, [job.pk])
        if not cursor.rowcount:
            raise WrongStatus
        bells.ring()


CANCEL = """
UPDATE verification_job
SET status = 'cancelled', is_reading = false, fault = %(fault)s, cancelled = cancelled + waiting, waiting = 0,
    finished_at = now(), event_seq = event_seq + 1
WHERE id = %(job)s AND status IN ('parsing', 'ready', 'running', 'paused')
RETURNING event_seq
"""


def cancel(*, job: Job, fault: str = "") -> None:
    """Stop a job: results stay, the rest is given back.  Raises WrongStatus.

    Takes the batches' locks first, as the flush does: what it has written counts, what it has not is dropped.  The
    upload's lock comes before: under it the reader of a list cuts batches, which would be missed.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update(no_key=True, of=("self",)).filter(job=job).first()
        list(Batch.objects.filter(job=job).select_for_update().order_by("pk").values_list("pk"))
        Batch.objects.filter(job=job).delete()
        with connection.cursor() as cursor:
            cursor.execute(CANCEL, {"job": job.pk, "fault": fault[:500]})
            row = cursor.fetchone()
        if row is None:
            raise WrongStatus
        end_feed(job, "PROCESSING_CANCELLED", row[0])
        if not job.sandbox:
            quota.close(reference=f"job:{job.pk}", entry=f"job:{job.pk}:cancel")
        if upload is not None:
            transaction.on_commit(partial(uploads.forget_file, upload))


WITHDRAW = """
UPDATE verification_job
SET waiting = waiting - %(rows)s, cancelled = cancelled + %(rows)s,
    status = CASE WHEN waiting = %(rows)s AND NOT is_held THEN 'finished' ELSE status END,
    finished_at = CASE WHEN waiting = %(rows)s AND NOT is_held THEN now() END,
    event_seq = event_seq + CASE WHEN waiting = %(rows)s AND NOT is_held THEN 1 ELSE 0 END
WHERE id = %(job)s
RETURNING waiting, event_seq, is_held
"""


@transaction.atomic
def withdraw(*, job: Job, check_ids: Sequence[int]) -> None:
    """Cancel single rows of a job that still wait, and give them back; with its last row the job ends.

    Not of a list that is still read.  Batches are locked first, as by the flush; those that lose a row lose their lease
    with it, so that nothing is written of it any more, and their other rows are claimed again.
    """
    batches = list(Batch.objects.filter(job=job, check_ids__overlap=check_ids).select_for_update().order_by("pk"))
    gone = {number for batch in batches for number in batch.check_ids} & set(check_ids)
    gone -= set(CheckResult.objects.filter(pk__in=gone, final=True).values_list("pk", flat=True))
    if not gone:
        return
    for batch in batches:
        batch.check_ids = [number for number in batch.check_ids if number not in gone]
        batch.token = batch.lease_until = None
        batch.save(update_fields=["check_ids", "token", "lease_until"])
    Batch.objects.filter(pk__in=[batch.pk for batch in batches if not batch.check_ids]).delete()
    CheckResult.objects.filter(pk__in=gone).delete()  # for now only
    with connection.cursor() as cursor:
        cursor.execute(WITHDRAW, {"job": job.pk, "rows": len(gone)})
        waiting, seq, is_held = cursor.fetchone()
    if is_held:  # nothing is set aside for it, and it waits for its start
        return
    if not waiting:
        end_feed(job, "PROCESSING_FINISHED", seq)
    if not job.sandbox:
        quota.settle(reference=f"job:{job.pk}", used=0, released=len(gone), entry=f"job:{job.pk}:withdraw:{min(gone)}")


def end_feed(job: Job, sub_type: str, seq: int) -> None:
    Event.objects.create(
        job=job,
        account_id=job.account_id,
        type=EventType.PROCESSED,
        sub_type=sub_type,
        first_seq=seq,
        last_seq=seq,
    )


@transaction.atomic
def requeue(*, account: Account, actor: User | None, job: Job | None = None) -> int:
    """Nudge an account's unended jobs, or one of them, and tell how many: rows that wait for a later try are due now,
    unread lists are asked for again.  What killed its worker stays put aside, what is being worked on is let be.
    """
    chosen = Job.objects.filter(account=account, status__in=[JobStatus.PARSING, JobStatus.RUNNING])
    if job is not None:
        chosen = chosen.filter(pk=job.pk)
    found = list(chosen)
    later = Batch.objects.filter(job__in=found, token=None, due_at__gt=Now()).order_by("pk")  # as cancel() locks them
    numbers = list(later.select_for_update(skip_locked=True).values_list("pk", flat=True))
    Batch.objects.filter(pk__in=numbers).update(due_at=Now())
    for each in found:
        if each.is_reading and each.upload_id is not None:
            bells.ask_to_read(each.pk)
        audit.record(action=Action.JOB_REQUEUED, actor=actor, target=each, label=label_of(each), account=account)
    if found:
        bells.ring()
    return len(found)


@transaction.atomic
def delete(*, job: Job, actor: User | None, reason: str = "") -> None:
    """Cancel a job that has not ended, and show it no more; its rows go block by block, see retention.py."""
    with suppress(WrongStatus):
        cancel(job=job)
    if Job.objects.filter(pk=job.pk, deleted_at=None).update(deleted_at=Now()):
        counts = {"rows": job.total, "source": job.source}
        prepared.forget_all_of_job(job)
        audit.record(
            action=Action.JOB_DELETED,
            actor=actor,
            target=job,
            label=label_of(job),
            account=job.account,
            reason=reason,
            before=counts,
        )


def label_of(job: Job) -> str:
    """Name a job in the audit log; its own name may be an address."""
    return f"job {job.pk}"
