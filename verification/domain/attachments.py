"""List files that come with a job request: their addresses join its recipients, one more block for each file.

Files are on disk only while they are read, under names that the sweeper clears away should this process die.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from accounts.domain.config import config_of, require
from accounts.models import Account
from verification.domain import antivirus, gzipped, lists, readings, uploads, workbooks
from verification.domain.intake import Recipient
from verification.domain.list_text import ListRefused, ListTooLong
from verification.models import Classifier, Upload

logger = logging.getLogger(__name__)

MOST_TEXT = 20_971_520  # bytes of a sheet or of a file when it is unpacked, as many as a request may have


@dataclass(frozen=True, slots=True)
class Attachment:
    """A list file as it came."""

    name: str
    content: bytes


class AttachmentRefused(Exception):
    """A file that cannot be read; `index`: which of them."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index


class TooManyAttached(AttachmentRefused):
    """With this file the request has more addresses than the account's config allows."""


def recipients_of(
    *,
    account: Account,
    attachments: Sequence[Attachment],
    recipients: Sequence[Recipient],
    features: Mapping[str, bool],
    sending_domain: str = "",
) -> list[Recipient]:
    """Give the recipients that the files add to those of a request.

    Where files are scanned, those of a harmful one are refused; of one that cannot be read its name stands for them.

    Raises FeatureDisabled, NotScanned, NoRoom, AttachmentRefused, TooManyAttached.
    """
    config = config_of(account, sending_domain)
    require(config, "attachments")
    is_scanned = config.antivirus and features.get("antivirus", True)
    first = recipients[-1].block + 1 if recipients else 0
    found: list[Recipient] = []
    for index, attachment in enumerate(attachments):
        room = config.addresses_per_job - len(recipients) - len(found)
        found += block_of(first + index, attachment, index=index, is_scanned=is_scanned, room=room)
    return found


def block_of(block: int, attachment: Attachment, *, index: int, is_scanned: bool, room: int) -> list[Recipient]:
    """Read one file.  Raises NotScanned, NoRoom, AttachmentRefused, TooManyAttached."""
    with kept_meanwhile(attachment) as upload:
        harmful = is_scanned and is_harmful(upload)
        try:
            emails = addresses(upload, max_rows=room)
        except ListRefused as refusal:
            if not harmful:
                kind = TooManyAttached if isinstance(refusal, ListTooLong) else AttachmentRefused
                raise kind(index, str(refusal)) from refusal
            emails = [attachment.name]
    refused_as = Classifier.VIRUS_DETECTED.value if harmful else ""
    return [Recipient(block, at, email, refused_as=refused_as) for at, email in enumerate(emails)]


@contextmanager
def kept_meanwhile(attachment: Attachment) -> Iterator[Upload]:
    """Put a file on disk, under an upload that is not kept.  Raises NoRoom."""
    upload = Upload(filename=attachment.name, address_column=0)
    upload.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(upload.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(attachment.content)
        yield upload
    except OSError as error:
        if error.errno in uploads.NO_ROOM:
            raise uploads.NoRoom from error
        raise
    finally:
        uploads.remove(upload.path)


def is_harmful(upload: Upload) -> bool:
    """Have a file scanned.  Raises NotScanned."""
    try:
        with upload.path.open("rb") as file:
            antivirus.scan(file)
    except antivirus.Infected as found:
        logger.warning("an attachment holds %s", found)
        return True
    except antivirus.ScannerUnavailable as error:
        logger.error("an attachment was not scanned: %s", error)
        raise uploads.NotScanned from error
    return False


def addresses(upload: Upload, *, max_rows: int) -> list[str]:
    """Give what stands in the first column with addresses, row by row.  Raises ListRefused."""
    gzipped.unpack(upload.path, max_bytes=MOST_TEXT)
    is_workbook = workbooks.is_workbook(upload.path)
    if is_workbook:
        text = upload.path.with_suffix(".part")
        workbooks.write_csv(upload.path, text, max_rows=max_rows, max_bytes=MOST_TEXT)
        text.rename(upload.path)
    reading = lists.Reading(delimiter="," if is_workbook else None)
    found = lists.look(upload.path, filename=upload.filename, max_rows=max_rows, reading=reading)
    for name, value in readings.columns_of(found).items():
        setattr(upload, name, value)
    column = upload.address_column
    return [cells[column] if column < len(cells) else "" for cells in lists.rows(upload)]
