"""Downloads that take long to make: asked for on a page, prepared by the queue, kept for some days.

The row is the truth.  Whoever prepares holds a lease under a token that names its file, so that one who was overtaken
or killed leaves nothing that is ever offered.  One file at a time on a machine: queue workers are there for lists, too.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.models import Account, User
from verification.domain import bells, export_kinds, export_mails
from verification.domain.exports import ROWS_PER_STATEMENT
from verification.domain.failpoints import failpoint
from verification.domain.row_filter import Chosen
from verification.models import Job, PreparedFile, PreparedState
from verification.models.prepared import KEPT_DAYS

logger = logging.getLogger(__name__)

MOST_WAITING = 3  # of an account, at a time
MOST_KEPT = 10  # of an account; the oldest goes first
MOST_ATTEMPTS = 3
LEASE_SECONDS = 30
RENEW_SECONDS = 2.0
SHIFT_SECONDS = 100.0  # no further file is begun after so long in one task, whose time-out is 300 s
ELSEWHERE_HOURS = 1  # how long a file may wait for the machine that it was asked for on
ORPHAN_SECONDS = 3_600
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL = "There was no room for this file. Nothing was kept; please try again later."
GIVEN_UP = "This file could not be prepared. Please try again, or download the rows as CSV."

CLAIM = """
UPDATE verification_preparedfile
SET token = gen_random_uuid(), lease_until = statement_timestamp() + make_interval(secs => %(lease)s),
    attempts = attempts + 1, done = 0, machine = %(machine)s
WHERE id = (SELECT id FROM verification_preparedfile
            WHERE state = 'waiting' AND attempts < %(attempts)s
              AND (lease_until IS NULL OR lease_until < statement_timestamp())
              AND (machine = %(machine)s OR asked_at < statement_timestamp() - make_interval(hours => %(elsewhere)s))
            ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


class TooManyWaiting(Exception):
    """The account has as many files under way as may be at a time."""

    def __init__(self) -> None:
        super().__init__(f"{MOST_WAITING} files are being prepared already. Please wait until one is ready.")


class Overtaken(Exception):
    """The row is gone, or somebody else prepares it."""


def is_big(*, job: Job, kind: str) -> bool:
    """Tell whether a file of a job is prepared instead of sent as it is made."""
    most = export_kinds.KINDS[kind].most_at_once
    return most is not None and job.total > most


@transaction.atomic
def ask(*, job: Job, kind: str, chosen: Chosen, user: User) -> PreparedFile:
    """Have a file prepared; what is under way, or ready and as the job is now, is given instead.

    Raises TooManyWaiting, export_kinds.TooManyRows.
    """
    export_kinds.check_size(job=job, kind=kind)
    Account.objects.select_for_update(no_key=True).get(pk=job.account_id)  # counts under a lock
    files = PreparedFile.objects.filter(account_id=job.account_id)
    known = files.filter(job=job, kind=kind, choice=chosen.as_dict()).first()
    if known is not None and (known.state == PreparedState.WAITING or is_fresh(known, job)):
        return known
    if files.filter(state=PreparedState.WAITING).count() >= MOST_WAITING:
        raise TooManyWaiting
    forget(list(files.exclude(state=PreparedState.WAITING).order_by("-asked_at")[MOST_KEPT - 1 :]))
    if known is not None:
        forget([known])
    bells.ask_to_prepare()
    return PreparedFile.objects.create(
        account_id=job.account_id,
        job=job,
        kind=kind,
        choice=chosen.as_dict(),
        asked_by=user,
        machine=settings.MACHINE,
    )


def is_fresh(file: PreparedFile, job: Job) -> bool:
    """Tell whether a file is there and nothing has happened in its job since it was begun."""
    return file.state == PreparedState.READY and file.event_seq == job.event_seq


def of_job(*, job: Job) -> list[PreparedFile]:
    """Give a job's files, those asked for last first."""
    return list(PreparedFile.objects.filter(job=job, account_id=job.account_id).order_by("-asked_at", "-pk"))


def are_due() -> bool:
    """Tell whether this machine has files to prepare that nobody prepares."""
    return bool(_due().exists())


def _due() -> QuerySet[PreparedFile]:
    here = Q(machine=settings.MACHINE) | Q(asked_at__lt=Now() - timedelta(hours=ELSEWHERE_HOURS))
    return PreparedFile.objects.filter(here, Q(lease_until=None) | Q(lease_until__lt=Now()), state="waiting")


def prepare_due() -> None:
    """Prepare what is due on this machine, unless somebody is at it; with the rest another bell rings."""
    until = time.monotonic() + SHIFT_SECONDS
    with only_here() as ours:
        if not ours:
            return
        give_up()
        while time.monotonic() < until:
            file = claim()
            if file is None:
                return
            prepare(file)
    if are_due():
        bells.ask_to_prepare()


@contextmanager
def only_here() -> Iterator[bool]:
    """Take this machine's lock, which the kernel gives back however we die.  False: somebody has it."""
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.RUN_DIR / "exports.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def give_up() -> None:
    """End files that were begun too often."""
    _due().filter(attempts__gte=MOST_ATTEMPTS).update(state=PreparedState.FAILED, fault=GIVEN_UP, token=None)


def claim() -> PreparedFile | None:
    values: dict[str, Any] = {  # Any: SQL parameters
        "lease": LEASE_SECONDS,
        "machine": settings.MACHINE,
        "attempts": MOST_ATTEMPTS,
        "elsewhere": ELSEWHERE_HOURS,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, values)
        row = cursor.fetchone()
    return PreparedFile.objects.select_related("job").get(pk=row[0]) if row else None


def prepare(file: PreparedFile) -> None:
    """Write a file and offer it, or say why there is none."""
    ours = PreparedFile.objects.filter(pk=file.pk, token=file.token)
    ours.update(event_seq=file.job.event_seq)  # of before the first row is read: what comes later makes it old
    try:
        size = write(file, ours)
        offer(file, ours, size)
    except Overtaken:
        logger.info("a file was not wanted any more", extra={"job_id": file.job_id})
        remove(file.path)
    except OSError as error:
        remove(file.path)
        if error.errno not in NO_ROOM:
            raise
        logger.error("no room for a file to download", extra={"job_id": file.job_id})
        ours.update(state=PreparedState.FAILED, fault=DISK_FULL, token=None, lease_until=None)
    except BaseException:
        remove(file.path)
        raise


def write(file: PreparedFile, ours: QuerySet[PreparedFile]) -> int:
    """Write the rows under a temporary name, then move; gives the number of bytes.  Raises Overtaken."""
    file.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = part_of(file.path)
    chosen = Chosen.from_dict(file.choice)
    pieces = export_kinds.pieces(job=file.job, kind=file.kind, chosen=chosen)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        for piece in renewing(pieces, file, ours):
            target.write(piece)
            failpoint("export_written")
        target.flush()
        os.fsync(target.fileno())
        size = target.tell()
    temporary.rename(file.path)
    failpoint("export_before_offer")
    return size


def renewing(pieces: Iterable[bytes], file: PreparedFile, ours: QuerySet[PreparedFile]) -> Iterator[bytes]:
    """Give the pieces, each of some thousand rows, and renew the lease meanwhile.  Raises Overtaken."""
    renewed = time.monotonic()
    for number, piece in enumerate(pieces):
        if time.monotonic() - renewed > RENEW_SECONDS:
            renewed = time.monotonic()
            lease = Now() + timedelta(seconds=LEASE_SECONDS)
            if not ours.update(lease_until=lease, done=min(number * ROWS_PER_STATEMENT, file.job.total)):
                raise Overtaken
        yield piece


@transaction.atomic
def offer(file: PreparedFile, ours: QuerySet[PreparedFile], size: int) -> None:
    """Make a file ready, and have it told.  Raises Overtaken, also where the job was deleted meanwhile."""
    waiting = ours.filter(state=PreparedState.WAITING, job__deleted_at=None)
    if not waiting.update(
        state=PreparedState.READY, size=size, ready_at=Now(), lease_until=None, done=file.job.total, fault=""
    ):
        raise Overtaken
    export_mails.note_ready(file)


def forget(files: Iterable[PreparedFile]) -> None:
    """Delete files with their rows."""
    for file in files:
        PreparedFile.objects.filter(pk=file.pk).delete()
        if file.token is not None:
            transaction.on_commit(partial(remove, file.path))


def forget_all_of(account: Account) -> None:
    """Delete all that an account has, and what is under way for it."""
    forget(PreparedFile.objects.filter(account=account))


def forget_all_of_job(job: Job) -> None:
    """Delete all that was prepared of a list, and what is under way."""
    forget(PreparedFile.objects.filter(job=job))


def forget_old() -> None:
    """Delete what is past its days: files a week after they were ready, others a day after they were asked for."""
    ready = Q(state=PreparedState.READY, ready_at__lt=Now() - timedelta(days=KEPT_DAYS))
    others = Q(asked_at__lt=Now() - timedelta(days=1)) & ~Q(state=PreparedState.READY)
    forget(PreparedFile.objects.filter(ready | others))


def remove_orphans() -> None:
    """Delete files without a row: of processes that died, and of rows that are gone."""
    known = {str(token) for token in PreparedFile.objects.exclude(token=None).values_list("token", flat=True)}
    for path in Path(settings.EXPORTS).glob("*"):
        if path.stem not in known and time.time() - path.stat().st_mtime > ORPHAN_SECONDS:
            path.unlink(missing_ok=True)


def part_of(path: Path) -> Path:
    return path.with_suffix(".part")


def remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    part_of(path).unlink(missing_ok=True)
