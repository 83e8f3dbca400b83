"""How addresses become checks: a request in one transaction, a list piece by piece.

Of a list, each piece is a transaction: its rows are all there or none of them, and the next reader goes on after the
last piece.  Batches are cut ahead of the drains' need only, and from the rest at the end: the more rows they are cut
from, the more of those that share a mail host lie together.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.domain import quota
from accounts.domain.config import config_of, require
from accounts.models import Account, AccountConfig, KeyKind, LicenseKey, User
from verification.domain import bells, held, job_features, jobs, known_rows, lists, mailboxes, pieces, uploads
from verification.domain.failpoints import failpoint
from verification.domain.pieces import Row
from verification.domain.sending import Sender
from verification.domain.silence import READERS
from verification.domain.text import storable
from verification.domain.webhooks import endpoints
from verification.domain.webhooks.endpoints import Notification
from verification.engine import syntax
from verification.models import Batch, Job, JobSource, JobStatus, Upload

logger = logging.getLogger(__name__)

BATCH_SIZE = 250  # checks, following the domain
FIRST_PIECE_ROWS = 10_000  # of a long list, so that its first results come soon
PIECE_ROWS = 50_000
HUNGRY_BATCHES = 20  # with fewer of them left, drains may have nothing to do before the next piece
READ_ANEW = "This list was read another way meanwhile. Look at it once more, then start it."
CHANGED = "The uploaded file has changed: it no longer has the {row_count:,} rows that were found in it."


class IntakeRefused(Exception):
    """A list or request that cannot be taken; nothing was kept."""


class TooManyRows(IntakeRefused):
    """More rows than the account's config allows."""

    def __init__(self, *, rows: int, limit: int) -> None:
        super().__init__(f"{rows:,} rows; this account may hand in {limit:,} at once.")
        self.rows, self.limit = rows, limit


class Overtaken(Exception):
    """A list was cancelled while it was read, or somebody else reads it."""


class AccountInactive(IntakeRefused):
    """The account is suspended or closed."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address of a request, where it stood, and the customer's own reference."""

    block: int
    index: int
    email: str
    reference: str = ""
    refused_as: str = ""  # its classifier, where it is refused before it is looked at


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


def start_list(
    *,
    upload: Upload,
    address_column: int,
    user: User,
    now: datetime,
    has_header: bool | None = None,
    version: int | None = None,
    hold: bool = False,
) -> Job:
    """Open a job for an uploaded list; a second call gives the same job.

    `has_header` overrules what a look at the file made of its first row.  `version`: how the list was read when
    somebody decided to start it.  `hold`: it is read and counted only, and waits to be started, see starting.py.

    Raises QuotaExceeded, FeatureDisabled, AccountInactive, TooManyRows, ListRefused.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update(of=("self",)).select_related("account").get(pk=upload.pk)
        begun = Job.objects.filter(upload=upload).first()
        if begun is not None:
            return begun
        if upload.fault:
            raise lists.ListRefused(upload.fault)
        if version is not None and version != upload.version:
            raise lists.ListRefused(READ_ANEW)
        if upload.more_columns and address_column != upload.address_column:
            raise lists.ListRefused(READ_ANEW)
        upload.address_column = address_column
        if has_header is not None:
            lists.set_header(upload, has_header=has_header)
        config = check_allowed(upload.account, feature="uploads", limit="rows_per_upload", rows=upload.checks)
        upload.save(update_fields=["address_column", "has_header", "row_count", "columns"])
        job = Job.objects.create(
            account=upload.account,
            source=JobSource.UPLOAD,
            name=upload.filename,
            upload=upload,
            created_by=user,
            is_reading=True,
            is_held=hold,
            greylist_hours=config.greylist_hours,
            columns=[storable(column) for column in upload.columns],
            address_columns=upload.address_columns if upload.more_columns else [],
            created_at=now,
        )
        if not hold:
            quota.reserve(account_id=job.account_id, amount=upload.checks, reference=f"job:{job.pk}")
        bells.ask_to_read(job.pk)
    return job


def check_allowed(account: Account, *, feature: str, limit: str, rows: int, sending_domain: str = "") -> AccountConfig:
    """Give the config that holds if it allows so many rows.  Raises AccountInactive, FeatureDisabled, TooManyRows."""
    if not account.is_active:
        raise AccountInactive(f"The account is {account.status}.")
    config = config_of(account, sending_domain)
    require(config, feature)
    allowed = getattr(config, limit)
    if rows > allowed:
        raise TooManyRows(rows=rows, limit=allowed)
    return config


def check_request(account: Account, *, rows: int, sending_domain: str) -> AccountConfig:
    """Do as `check_allowed` for a job request; a domain's row comes before the account's own."""
    return check_allowed(
        account, feature="job_requests", limit="addresses_per_job", rows=rows, sending_domain=sending_domain
    )


def read_list(*, job_id: str | UUID) -> None:
    """Make the rows of a job's upload checks.  Does nothing when that is done, or being done elsewhere."""
    with reading(job_id) as is_mine:
        job = Job.objects.select_related("upload").filter(pk=job_id, is_reading=True).first() if is_mine else None
        if job is None:
            return
        try:
            read_pieces(job)
        except lists.ListRefused as refusal:
            with suppress(jobs.WrongStatus):
                jobs.cancel(job=job, fault=str(refusal))
        except Overtaken:
            logger.info("cancelled while it was read", extra={"job_id": job.pk})
        else:
            if job.upload is not None and not Job.objects.filter(pk=job.pk, status=JobStatus.READY).exists():
                uploads.forget_file(job.upload)


@contextmanager
def reading(job_id: str | UUID) -> Iterator[bool]:
    """Hold the lock that tells others that this list is being read; False when they do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, hashtext(%s))", [READERS, str(job_id)])
        (is_mine,) = cursor.fetchone()
    close_at, connection.close_at = connection.close_at, None  # else a bell closes it: django-q2 wants no old ones
    try:
        yield is_mine
    except BaseException:
        if not connection.in_atomic_block:
            connection.close()  # frees the lock whatever state the session is in
        raise
    connection.close_at = close_at
    if is_mine:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s, hashtext(%s))", [READERS, str(job_id)])


def read_pieces(job: Job) -> None:
    """Go on with a list where its last piece ended.  Raises ListRefused, Overtaken."""
    upload = job.upload
    if upload is None or not upload.path.exists():
        raise lists.ListRefused("The uploaded file is gone.")
    rows = list_rows(upload)
    with mailboxes.remembered():
        if job.total:
            pieces.remember(islice(rows, job.total))
        while job.is_reading:
            is_long = upload.checks > PIECE_ROWS
            size = FIRST_PIECE_ROWS if is_long and not job.total else PIECE_ROWS
            with transaction.atomic():
                job = read_piece(job, upload, rows, end=min(job.total + size, upload.checks))
            failpoint("list_piece_committed")


def list_rows(upload: Upload) -> Iterator[Row]:
    """Give a row for each line; one without an address is refused like any other that is none."""
    if upload.more_columns:
        yield from rows_of_several(upload)
        return
    for position, cells in enumerate(lists.rows(upload)):
        email = cells[upload.address_column] if upload.address_column < len(cells) else ""
        yield Row(position, syntax.split_display_name(email), original=cells)


def rows_of_several(upload: Upload) -> Iterator[Row]:
    """Give a row for each address of a line; one for a line that has none."""
    position = 0
    for line, cells in enumerate(lists.rows(upload)):
        for place in lists.places_of_addresses(cells, upload.address_columns):
            column = upload.address_columns[place]
            email = cells[column] if column < len(cells) else ""
            yield Row(position, syntax.split_display_name(email), line, place, original=cells)
            position += 1


def read_piece(job: Job, upload: Upload, rows: Iterator[Row], *, end: int) -> Job:
    """Read up to a position, and give the job as it is then.  Raises ListRefused, Overtaken."""
    last = end == upload.checks
    with connection.cursor() as cursor:
        piece = pieces.write(cursor, job, islice(rows, end - job.total), first=job.total)
        if piece.end < end or (last and next(rows, None) is not None):
            raise lists.ListRefused(CHANGED.format(row_count=upload.checks))
        if job.total:
            pieces.mark_duplicates(cursor, piece)
        pieces.refuse_suppressed(cursor, piece)
        if job.is_held:
            known_rows.note(cursor, piece)
        if not last:
            mailboxes.keep(cursor, piece.mailboxes.items())
        failpoint("intake_copied")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # foreign keys of so many rows take a while: before the locks
        Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        is_cut = last or (not job.is_held and is_hungry(job))
        if is_cut:
            pieces.cut(cursor, piece, first=job.rows_cut, size=BATCH_SIZE)
        failpoint("list_piece_cut")
        locked = (
            Job.objects.select_for_update(no_key=True).filter(pk=job.pk, is_reading=True, total=piece.first).first()
        )
        if locked is None:
            raise Overtaken
        locked.rows_cut = piece.end if is_cut else locked.rows_cut
        pieces.count(cursor, locked, piece, last=last)
        if last and not locked.is_held:
            give_surplus_back(locked, upload)
            if job.is_held:  # started since: what was cut is due
                held.let_go(locked)
        if is_cut:
            bells.ring()
        failpoint("intake_before_commit")
    return locked


def is_hungry(job: Job) -> bool:
    """Tell whether drains will soon have nothing to claim of a job."""
    due = Batch.objects.filter(job=job, token=None, due_at__lte=Now())
    return due[:HUNGRY_BATCHES].count() < HUNGRY_BATCHES


def give_surplus_back(job: Job, upload: Upload) -> None:
    """Hold one check for each row taken."""
    surplus = upload.checks - (job.total - job.refused - job.duplicate)
    if surplus:
        quota.settle(reference=f"job:{job.pk}", used=0, released=surplus, entry=f"job:{job.pk}:intake")


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
    greylist_hours: int | None = None,
    sender: Sender | None = None,
    notification: Notification | None = None,
) -> Accepted:
    """Take a request's recipients; says of each what became of it.

    `features`: those asked for, and those done without, by their names in job_features.  `max_age`: seconds that an
    earlier result may be old to be used again.  `greylist_hours`: for how long its rows are tried again, at most.
    `sender`: whom the recipients are asked by.  `notification`: where the job's events are sent.

    Raises QuotaExceeded, FeatureDisabled, TooManyHours, AccountInactive, TooManyRows; then nothing was kept.
    """
    domain = sender.domain if sender else ""
    config = check_request(account, rows=len(recipients), sending_domain=domain)
    switched_off = job_features.switched_off(config, features or {})
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
            greylist_hours=job_features.greylist_hours(config, greylist_hours),
            created_at=now,
            sender=sender.address if sender else "",
            sending_domain=domain,
            **({} if max_age is None else {"max_age": max_age}),
        )
        if notification is not None:
            endpoints.attach(job=job, notification=notification)
        store(job, request_rows(recipients))
        return Accepted(job, taken_of(job))


def request_rows(recipients: Iterable[Recipient]) -> Iterator[Row]:
    for position, one in enumerate(recipients):
        yield Row(
            position,
            syntax.split_display_name(one.email),
            one.block,
            one.index,
            one.reference,
            refused_as=one.refused_as,
        )


TAKEN_FIELDS = ("block", "block_index", "address", "classifier")


def taken_of(job: Job) -> list[Taken]:
    return [Taken(*row) for row in job.checks.order_by("position").values_list(*TAKEN_FIELDS)]


def accepted_before(*, account: Account, job_id: str) -> Accepted:
    """Tell again what became of a request's recipients.  Raises Job.DoesNotExist when the job was deleted."""
    job = Job.objects.of(account).get(pk=job_id)
    return Accepted(job, taken_of(job))


def store(job: Job, rows: Iterable[Row]) -> None:
    """Write all rows of a new job in the present transaction, and reserve what they need."""
    with connection.cursor() as cursor:
        piece = pieces.write(cursor, job, rows)
        pieces.refuse_suppressed(cursor, piece)
        failpoint("intake_copied")
        pieces.cut(cursor, piece, first=0, size=BATCH_SIZE)
        pieces.count(cursor, job, piece, last=True)
    if job.waiting:
        bells.ring()
        if not job.sandbox:
            quota.reserve(account_id=job.account_id, amount=job.waiting, reference=f"job:{job.pk}", key_id=job.key_id)
    logger.info("%s rows, %s taken", job.total, job.waiting, extra={"job_id": job.pk})
    failpoint("intake_before_commit")
