"""How addresses become checks: reserve, COPY, sort out faults and duplicates, cut into batches.

All of it is one transaction: a job either has all its rows or none, whatever process dies.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.domain import quota
from accounts.domain.config import config_of, require
from accounts.models import Account, AccountConfig, KeyKind, LicenseKey, User
from verification.domain import bells, job_features, lists
from verification.domain.failpoints import failpoint
from verification.domain.text import storable, storable_cells, storable_json
from verification.engine import Evidence, judge, syntax
from verification.engine import lists as engine_lists
from verification.engine.types import Address
from verification.models import Classifier, EventType, Job, JobSource, JobStatus, Upload

logger = logging.getLogger(__name__)

BATCH_SIZE = 250  # checks, following the domain


class IntakeRefused(Exception):
    """A list or request that cannot be taken; nothing was kept."""


class TooManyRows(IntakeRefused):
    """More rows than the account's config allows."""

    def __init__(self, *, rows: int, limit: int) -> None:
        super().__init__(f"{rows:,} rows; this account may hand in {limit:,} at once.")
        self.rows, self.limit = rows, limit


class AccountInactive(IntakeRefused):
    """The account is suspended or closed."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address of a request, where it stood, and the customer's own reference."""

    block: int
    index: int
    email: str
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a recipient; `classifier` is empty when it was taken."""

    block: int
    index: int
    email: str
    classifier: str


@dataclass(frozen=True, slots=True)
class Accepted:
    job: Job
    rows: list[Taken]


class Row(NamedTuple):
    """An address on its way to the database; a tuple, because a million of them are made."""

    position: int
    email: str
    block: int = 0
    block_index: int = 0
    reference: str = ""
    original: list[str] | None = None


def start_list(*, upload: Upload, address_column: int, user: User, now: datetime) -> Job:
    """Open a job for an uploaded list; a second call gives the same job.

    Raises QuotaExceeded, FeatureDisabled, AccountInactive, TooManyRows.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update(of=("self",)).select_related("account").get(pk=upload.pk)
        begun = Job.objects.filter(upload=upload).first()
        if begun is not None:
            return begun
        check_allowed(upload.account, feature="uploads", limit="rows_per_upload", rows=upload.row_count)
        upload.address_column = address_column
        upload.save(update_fields=["address_column"])
        job = Job.objects.create(
            account=upload.account,
            source=JobSource.UPLOAD,
            name=upload.filename,
            upload=upload,
            created_by=user,
            columns=[storable(column) for column in upload.columns],
            created_at=now,
        )
        quota.reserve(account_id=job.account_id, amount=upload.row_count, reference=f"job:{job.pk}")
        bells.ask_to_read(job.pk)
    return job


def check_allowed(account: Account, *, feature: str, limit: str, rows: int) -> AccountConfig:
    """Give the account's config if it allows so many rows.  Raises AccountInactive, FeatureDisabled, TooManyRows."""
    if not account.is_active:
        raise AccountInactive(f"The account is {account.status}.")
    config = config_of(account)
    require(config, feature)
    allowed = getattr(config, limit)
    if rows > allowed:
        raise TooManyRows(rows=rows, limit=allowed)
    return config


def read_list(*, job_id: str | UUID) -> None:
    """Make the rows of a job's upload checks.  Does nothing when that is done, or being done elsewhere."""
    with transaction.atomic():
        job = (
            Job.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("upload")
            .filter(pk=job_id, status=JobStatus.PARSING)
            .first()
        )
        if job is None:
            return
        upload = job.upload
        try:
            with transaction.atomic():
                if upload is None or not upload.path.exists():
                    raise lists.ListRefused("The uploaded file is gone.")
                store(job, list_rows(upload))
        except lists.ListRefused as refusal:
            give_up(job, str(refusal))
        if upload is not None:
            transaction.on_commit(partial(forget_file, upload))


def forget_file(upload: Upload) -> None:
    failpoint("list_before_unlink")
    upload.path.unlink(missing_ok=True)


def list_rows(upload: Upload) -> Iterator[Row]:
    """Give a row for each line; one without an address is refused like any other that is none."""
    for position, cells in enumerate(lists.rows(upload)):
        email = cells[upload.address_column] if upload.address_column < len(cells) else ""
        yield Row(position, syntax.split_display_name(email), original=cells)


def give_up(job: Job, fault: str) -> None:
    """End a job whose list cannot be read after all; its reservation goes back."""
    quota.close(reference=f"job:{job.pk}", entry=f"job:{job.pk}:refused")
    job.status, job.fault = JobStatus.CANCELLED, fault[:500]
    job.save(update_fields=["status", "fault"])


def accept_recipients(
    *,
    account: Account,
    key: LicenseKey,
    recipients: Sequence[Recipient],
    now: datetime,
    reference_job: str = "",
    cost_center: str = "",
    campaign_id: str = "",
    features: Mapping[str, bool] | None = None,
    max_age: int | None = None,
) -> Accepted:
    """Take a request's recipients; says of each what became of it.

    `features`: those asked for, and those done without, by their names in job_features.  `max_age`: seconds that an
    earlier result may be old to be used again.

    Raises QuotaExceeded, FeatureDisabled, AccountInactive, TooManyRows; then nothing was kept.
    """
    config = check_allowed(account, feature="job_requests", limit="addresses_per_job", rows=len(recipients))
    switched_off = job_features.switched_off(config, features or {})
    rows = (
        Row(position, syntax.split_display_name(one.email), one.block, one.index, one.reference)
        for position, one in enumerate(recipients)
    )
    with transaction.atomic():
        job = Job.objects.create(
            account=account,
            source=JobSource.API,
            key=key,
            sandbox=key.kind == KeyKind.SANDBOX,
            reference_job=reference_job,
            cost_center=cost_center,
            campaign_id=campaign_id,
            switched_off=switched_off,
            created_at=now,
            **({} if max_age is None else {"max_age": max_age}),
        )
        store(job, rows)
        return Accepted(job, taken_of(job))


TAKEN_FIELDS = ("block", "block_index", "address", "classifier")


def taken_of(job: Job) -> list[Taken]:
    return [Taken(*row) for row in job.checks.order_by("position").values_list(*TAKEN_FIELDS)]


def accepted_before(*, account: Account, job_id: str) -> Accepted:
    """Tell again what became of a request's recipients.  Raises Job.DoesNotExist when the job was deleted."""
    job = Job.objects.of(account).get(pk=job_id)
    return Accepted(job, taken_of(job))


STAGE = """
CREATE TEMPORARY TABLE incoming (
    position int, block int, block_index int, reference text, address text, domain text, mailbox text,
    original text[], reason text, evidence text, role bool, free bool, disposable bool
) ON COMMIT DROP
"""
COPY = """
COPY incoming (position, block, block_index, reference, address, domain, mailbox, original,
               reason, evidence, role, free, disposable) FROM STDIN (FORMAT BINARY)
"""
# jsonb goes as text: it is dumped already
COPY_TYPES = ["int4", "int4", "int4", "text", "text", "text", "text", "text[]", "text", "text", "bool", "bool", "bool"]

# A fault counts for itself; of equal mailboxes the first is taken.
INSERT_CHECKS = """
INSERT INTO verification_check (account_id, job_id, position, block, block_index, reference, address, domain,
                                classifier, duplicate_of, original, created_at)
SELECT %(account)s, %(job)s, position, block, block_index, reference, address, domain,
       CASE WHEN reason IS NOT NULL THEN %(invalid)s
            WHEN lower(substring(mailbox FROM '^(.*)@')) = ANY(%(forbidden_names)s) THEN %(forbidden)s
            WHEN first < position THEN %(duplicate)s ELSE '' END,
       CASE WHEN reason IS NULL AND first < position THEN first END, original, now()
FROM (SELECT *, min(position) OVER (PARTITION BY mailbox, CASE WHEN reason IS NULL THEN 0 ELSE position + 1 END)
             AS first FROM incoming) AS t
ORDER BY position
"""

INSERT_REFUSED = """
INSERT INTO verification_checkresult (check_row_id, account_id, job_id, result, reason, blame, role, free, disposable,
                                      mail_server_location, duration, evidence, final, charged, checked_at)
SELECT c.id, %(account)s, %(job)s, 'Bad', i.reason, 'address', i.role, i.free, i.disposable,
       '', 0, i.evidence::jsonb, true, false, now()
FROM incoming i JOIN verification_check c ON c.job_id = %(job)s AND c.position = i.position
WHERE i.reason IS NOT NULL
"""

INSERT_TALLIES = """
INSERT INTO verification_tally (job_id, result, reason, blame, count)
SELECT %(job)s, 'Bad', reason, 'address', count(*) FROM incoming WHERE reason IS NOT NULL GROUP BY reason
"""

INSERT_BATCHES = """
INSERT INTO verification_batch (job_id, account_id, check_ids, due_at, attempts, alone, tries, flushes, sender)
SELECT %(job)s, %(account)s, array_agg(id ORDER BY domain, id), now(), 0, false, 0, 0, ''
FROM (SELECT id, domain, (row_number() OVER (ORDER BY domain, id) - 1) / %(size)s AS part
      FROM verification_check WHERE job_id = %(job)s AND classifier = '') AS t
GROUP BY part ORDER BY part
"""

COUNT_CLASSIFIERS = """
SELECT count(*), count(*) FILTER (WHERE classifier = ''),
       count(*) FILTER (WHERE classifier IN (%(invalid)s, %(forbidden)s))
FROM verification_check WHERE job_id = %(job)s
"""

# The feed begins with what was dropped, then says that work starts.
INSERT_DROPPED = """
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
SELECT %(job)s, %(account)s, %(dropped)s, classifier,
       sum(count(*)) OVER (ORDER BY classifier) - count(*) + 1, sum(count(*)) OVER (ORDER BY classifier),
       array_agg(id ORDER BY position), now()
FROM verification_check WHERE job_id = %(job)s AND classifier <> '' GROUP BY classifier
"""
INSERT_NOTE = """
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
VALUES (%(job)s, %(account)s, %(type)s, %(sub_type)s, %(seq)s, %(seq)s, '{}', now())
"""


def store(job: Job, rows: Iterable[Row]) -> None:
    """Write checks, refused verdicts, batches, events and counters of a new job; settle its reservation's surplus."""
    names: dict[str, Any] = {  # Any: SQL parameters
        "account": job.account_id,
        "job": job.pk,
        "invalid": Classifier.INVALID_FORMAT.value,
        "duplicate": Classifier.DUPLICATE.value,
        "forbidden": Classifier.FORBIDDEN_RECIPIENT.value,
        "forbidden_names": [name.lower() for name in config_of(job.account).forbidden_local_parts],
        "dropped": EventType.DROPPED.value,
        "size": BATCH_SIZE,
    }
    with connection.cursor() as cursor:
        cursor.execute(STAGE)
        copy(cursor, rows)
        failpoint("intake_copied")
        for statement in (INSERT_CHECKS, INSERT_REFUSED, INSERT_TALLIES, INSERT_BATCHES, INSERT_DROPPED):
            cursor.execute(statement, names)
        cursor.execute(COUNT_CLASSIFIERS, names)
        job.total, job.waiting, job.refused = cursor.fetchone()
        job.duplicate = job.total - job.waiting - job.refused
        cursor.execute("DROP TABLE incoming")
        begin(cursor, job, names)
    reserve_exactly(job)
    failpoint("intake_before_commit")


def begin(cursor: CursorWrapper, job: Job, names: dict[str, Any]) -> None:  # Any: SQL parameters
    """Set the job running, or finished when nothing of it was taken."""
    notes = [(EventType.STARTED, "PROCESSING_STARTED")]
    if not job.waiting:
        notes.append((EventType.PROCESSED, "PROCESSING_FINISHED"))
    job.event_seq = job.refused + job.duplicate
    for kind, sub_type in notes:
        job.event_seq += 1
        cursor.execute(INSERT_NOTE, names | {"type": kind.value, "sub_type": sub_type, "seq": job.event_seq})
    cursor.execute("SELECT now()")
    (now,) = cursor.fetchone()
    job.status = JobStatus.RUNNING if job.waiting else JobStatus.FINISHED
    job.started_at, job.finished_at = now, None if job.waiting else now
    job.save(
        update_fields=[
            "total", "waiting", "refused", "duplicate", "event_seq", "status", "started_at", "finished_at",
        ]
    )  # fmt: skip
    logger.info("%s rows, %s taken", job.total, job.waiting, extra={"job_id": job.pk})
    if job.waiting:
        bells.ring()


def reserve_exactly(job: Job) -> None:
    """Hold one check for each row taken: lists give their surplus back, requests reserve now."""
    if job.sandbox:
        return
    reference = f"job:{job.pk}"
    if job.source == JobSource.API:
        if job.waiting:
            quota.reserve(account_id=job.account_id, amount=job.waiting, reference=reference, key_id=job.key_id)
        return
    assert job.upload is not None, "a list has its upload until its rows are checks"
    surplus = job.upload.row_count - job.waiting
    if surplus:
        quota.settle(reference=reference, used=0, released=surplus, entry=f"{reference}:intake")


def copy(cursor: CursorWrapper, rows: Iterable[Row]) -> None:
    """Stream rows into the staging table."""
    with cursor.copy(COPY) as pipe:
        pipe.set_types(COPY_TYPES)
        for row in rows:
            pipe.write_row(staged(row))


def staged(row: Row) -> tuple[object, ...]:
    """Give the columns of the staging table; those of a verdict are filled where the address is none."""
    address = syntax.parse(row.email)
    original = row.original and storable_cells(row.original)
    head = (
        row.position,
        row.block,
        row.block_index,
        storable(row.reference),
        storable(row.email),
        address.ascii_domain,
    )
    if address.fault is None:
        return (*head, address.mailbox, original, None, None, False, False, False)
    return (*head, "", original, *refusal(address))


def refusal(address: Address) -> tuple[object, ...]:
    evidence = Evidence(syntax_fault=address.fault, syntax_detail=address.fault_detail)
    return (
        judge(evidence).reason.value,
        storable_json(evidence.as_dict()),
        engine_lists.is_role(address.user),
        engine_lists.is_free(address.ascii_domain),
        engine_lists.is_disposable(address.ascii_domain),
    )
