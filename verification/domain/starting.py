"""The start of a list that is held: nothing of it is asked and nothing set aside before; or it is thrown away.

Its rows are checks in batches already, or will be: a start makes these due, and sets aside what they need.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db import connection, transaction

from accounts.domain import quota
from accounts.domain.config import require
from accounts.models import AccountConfig, User
from verification.domain import bells, held, intake, job_features, jobs, known_rows, pieces
from verification.models import Batch, Job, JobStatus, Upload

CHANGED = (
    *("is_held", "created_by", "switched_off", "greylist_hours", "max_age"),
    *("status", "started_at", "finished_at", "event_seq"),
)


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
        rows = found.upload.row_count if found.is_reading and found.upload is not None else found.total
        config = intake.check_allowed(found.account, feature="uploads", limit="rows_per_upload", rows=rows)
        choose(found, config, options)
        found.is_held, found.created_by = False, user
        if not found.is_reading:
            rows = found.waiting
            set_to_work(found)
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
    """Delete a list that is held.  Raises WrongStatus when it was started meanwhile.

    Locks as cancelling does: first the upload, under which its reader cuts batches.
    """
    with transaction.atomic():
        list(Upload.objects.select_for_update(no_key=True, of=("self",)).filter(job=job))
        lock_batches(job)
        found = Job.objects.select_for_update(no_key=True).filter(pk=job.pk, is_held=True).first()
        if found is None:
            raise jobs.WrongStatus
        jobs.delete(job=found, actor=actor)


def lock_batches(job: Job) -> None:
    """Lock a list's batches before its job, as the flush of its free sample does."""
    list(Batch.objects.filter(job=job).select_for_update().order_by("pk").values_list("pk"))
