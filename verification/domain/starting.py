"""The start of a list that is held: nothing of it is asked and nothing set aside before; or it is thrown away.

Its rows are checks in batches already, or will be: a start makes these due, and sets aside what they need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from django.db import connection, transaction

from accounts.domain import quota
from accounts.domain.config import require
from accounts.models import AccountConfig, User
from verification.domain import bells, held, intake, job_features, jobs, known_rows, pieces, uploads
from verification.models import Batch, Job, JobStatus, Upload

CHANGED = (
    *("is_held", "created_by", "switched_off", "greylist_hours", "max_age"),
    *("status", "started_at", "finished_at", "event_seq"),
)


class FileGone(Exception):
    """A list cannot be read another way: its file is not kept any more, or on another machine."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a list may choose, within the account's config.

    `features`: by their names in job_features.  `max_age`: seconds that an earlier result may be old to be used again.
    `greylist_hours`: for how long its rows are tried again.  None: as the account has it.
    """

    features: Mapping[str, bool] = field(default_factory=dict)
    max_age: int | None = None
    greylist_hours: int | None = None


def start(*, job: Job, user: User, options: Options) -> bool:
    """Start a list that is held, and tell whether this call did: a second one changes nothing.

    One that is still read holds a check for each of its rows until it is read.

    Raises QuotaExceeded, FeatureDisabled, TooManyHours, AccountInactive, TooManyRows; then it stays held.
    """
    with transaction.atomic():
        lock_batches(job)
        jobs_held = Job.objects.select_related("account", "upload").filter(pk=job.pk, is_held=True, deleted_at=None)
        found = jobs_held.select_for_update(no_key=True, of=("self",)).first()
        if found is None or found.has_ended:
            return False
        rows = found.upload.checks if found.is_reading and found.upload is not None else found.total
        config = intake.check_allowed(found.account, feature="uploads", limit="rows_per_upload", rows=rows)
        choose(found, config, options)
        found.is_held, found.created_by = False, user
        if not found.is_reading:
            rows = found.waiting
            set_to_work(found)
            if found.upload is not None:
                transaction.on_commit(partial(uploads.forget_file, found.upload))
        found.save(update_fields=CHANGED)
        if rows:
            quota.reserve(account_id=found.account_id, amount=rows, reference=f"job:{found.pk}")
        known_rows.forget(found)
        bells.ring()
    return True


def choose(job: Job, config: AccountConfig, options: Options) -> None:
    """Set what was chosen.  Raises FeatureDisabled, TooManyHours."""
    if options.max_age:
        require(config, "result_reuse")
    job.switched_off = job_features.switched_off(config, options.features)
    job.greylist_hours = job_features.greylist_hours(config, options.greylist_hours)
    if options.max_age is not None:
        job.max_age = options.max_age


def set_to_work(job: Job) -> None:
    """Set a list to work whose rows are all read; without one to ask it ends at once."""
    held.drop_sample(job)
    held.let_go(job)
    job.status = JobStatus.PARSING
    with connection.cursor() as cursor:
        pieces.set_to_work(cursor, job, last=True)


def throw_away(*, job: Job, actor: User) -> None:
    """Delete a list that is held.  Raises WrongStatus when it was started meanwhile."""
    with transaction.atomic():
        jobs.delete(job=locked(job), actor=actor)


def read_another_way(*, job: Job, actor: User, now: datetime) -> Upload:
    """Give the list of a job that is held back, to be read another way, and delete the job.

    Raises WrongStatus when it was started meanwhile or is still read, FileGone when its file is not here.
    """
    with transaction.atomic():
        found = locked(job)
        upload = found.upload
        if found.status != JobStatus.READY:
            raise jobs.WrongStatus
        if upload is None or not upload.path.exists():
            raise FileGone
        found.upload = None
        found.save(update_fields=["upload"])
        upload.created_at = now  # a day from now it counts as left
        upload.save(update_fields=["created_at"])
        jobs.delete(job=found, actor=actor, reason="read another way")
    return upload


def locked(job: Job) -> Job:
    """Lock a list that is held, with all that its end needs.  Raises WrongStatus when it is held no more.

    In the order that cancelling has: first the upload, under which its reader cuts batches.
    """
    list(Upload.objects.select_for_update(no_key=True, of=("self",)).filter(job=job))
    lock_batches(job)
    held_jobs = Job.objects.select_related("upload").filter(pk=job.pk, is_held=True, deleted_at=None)
    found = held_jobs.select_for_update(no_key=True, of=("self",)).first()
    if found is None:
        raise jobs.WrongStatus
    return found


def lock_batches(job: Job) -> None:
    """Lock a list's batches before its job, as the flush of its free sample does."""
    list(Batch.objects.filter(job=job).select_for_update().order_by("pk").values_list("pk"))
