"""Receiving a list file: streamed to disk, looked at, kept with its row or not at all.

How it is read is found out in `readings`.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import uuid
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.db import IntegrityError, transaction

from accounts.domain.config import config_of, require
from accounts.models import Account, AccountConfig, User
from verification.domain import antivirus, brought, gzipped, readings
from verification.domain.failpoints import failpoint
from verification.domain.lists import ListRefused
from verification.models import Upload

logger = logging.getLogger(__name__)

MEGABYTE = 1_000_000
FEWER = "Split it into smaller files, or take out columns that you do not need."
MAX_FILENAME = 255
NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f]")


class UploadRefused(Exception):
    """The account may not upload now; the words are for its people."""


class NoRoom(UploadRefused):
    """The disk is full."""

    def __init__(self) -> None:
        super().__init__("There is no room for this file at the moment. Nothing was kept; please try again later.")


class NotScanned(UploadRefused):
    """The account's files are scanned, and the scanner cannot be asked."""

    def __init__(self) -> None:
        super().__init__(
            "Files are scanned for viruses, and the scanner does not answer. Nothing was kept; try again later."
        )


NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def receive(
    *,
    account: Account,
    user: User,
    chunks: Iterable[bytes],
    filename: str,
    now: datetime,
    form: uuid.UUID | None = None,
) -> Upload:
    """Keep a list file and what a look at it found.  On refusal nothing is left on disk.

    A list that is unclear is kept with what is wrong with it: it may be read another way.  `form`: what it came with;
    the same file with the same form again gives the list that is there.

    Raises UploadRefused, NoRoom, NotScanned, FeatureDisabled, ListRefused.
    """
    if not account.is_active:
        raise UploadRefused(f"This account is {account.get_status_display().lower()}: no new lists can be checked.")
    config = config_of(account)
    require(config, "uploads")
    upload = Upload(account=account, created_by=user, filename=clean_name(filename), created_at=now, form=form)
    final = upload.path
    try:
        write(upload, chunks, config)
        earlier = brought.earlier(upload)
        if earlier is not None:
            remove(final)
            return earlier
        refuse_too_much(upload)
        if config.antivirus:
            scan(final, upload.filename)
        upload.overflow = gzipped.unpack(final, max_bytes=config.upload_megabytes * MEGABYTE, cut=True)
        readings.read_first(upload, config)
        return keep(upload)
    except OSError as error:
        remove(final)
        if error.errno in NO_ROOM:
            raise NoRoom from error
        raise
    except BaseException:  # whatever happens, cancellation too: no row, no file
        remove(final)
        raise


def refuse_too_much(upload: Upload) -> None:
    """Bound what comes with one form.  Raises UploadRefused."""
    try:
        brought.check_room(upload)
    except brought.TooMuch as refusal:
        raise UploadRefused(str(refusal)) from refusal


def write(upload: Upload, chunks: Iterable[bytes], config: AccountConfig) -> None:
    """Write under a temporary name, then move; note size and digest.  Raises ListRefused."""
    final = upload.path
    final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = final.with_suffix(".part")
    limit, upload.size = config.upload_megabytes * MEGABYTE, 0
    digest = hashlib.blake2b(upload.filename.encode("utf-8", "surrogatepass"), key=bytes(upload.account.hash_key))
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                upload.size += len(chunk)
                if upload.size > limit:
                    raise ListRefused(
                        f"The file is larger than {config.upload_megabytes:,} MB, which is the limit of this account. "
                        + FEWER
                    )
                file.write(chunk)
                digest.update(chunk)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(final)
    finally:
        temporary.unlink(missing_ok=True)
    upload.digest = digest.digest()


def scan(path: Path, filename: str) -> None:
    """Have a file scanned.  Raises NotScanned, ListRefused."""
    try:
        with path.open("rb") as file:
            antivirus.scan(file)
    except antivirus.Infected as found:
        raise ListRefused(f"{filename} holds something harmful ({found}); it was deleted.") from found
    except antivirus.ScannerUnavailable as error:
        logger.error("a list was not scanned: %s", error)
        raise NotScanned from error


def keep(upload: Upload) -> Upload:
    """Save a list; gives the one that is there when it came twice at the same time."""
    try:
        with transaction.atomic():
            upload.save(force_insert=True)
    except IntegrityError:
        earlier = brought.earlier(upload)
        if earlier is not None:
            remove(upload.path)
            return earlier
        upload.form = None  # what came with it was deleted, and is to be checked after all
        upload.save(force_insert=True)
    return upload


def forget_file(upload: Upload) -> None:
    """Delete the file of a list that needs to be read no more."""
    failpoint("list_before_unlink")
    remove(upload.path)


def remove(path: Path) -> None:
    """Delete a list's file, and the workbook it is from."""
    for file in (path, path.with_suffix(".xlsx"), path.with_suffix(".part")):
        file.unlink(missing_ok=True)


def clean_name(filename: str) -> str:
    """Give the last part of a path, printable, at most MAX_FILENAME characters."""
    last = re.split(r"[/\\]", filename)[-1]
    return NOT_PRINTED.sub("", last).strip()[:MAX_FILENAME] or "list.csv"
