"""A workbook that arrived: one of its sheets is written as CSV, and goes on as any list."""

from __future__ import annotations

import csv
import mmap
from dataclasses import dataclass
from pathlib import Path

from verification.domain.cells import guard, is_our_export
from verification.domain.list_text import ListRefused, ListTooLong
from verification.domain.workbooks.book import read_book
from verification.domain.workbooks.package import opened

MEGABYTE = 1_000_000
PACKED = b"PK\x03\x04"
COMPOUND = b"\xd0\xcf\x11\xe0"  # the old format, and what a password turns the new one into
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
TOO_MUCH_TEXT = "The sheet “{sheet}” holds more than {megabytes:,} MB of text, which is the limit of this account."
LOCKED = "This workbook is protected with a password. Save it without one and upload that."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sheet that was read, and all sheets; `overflow` tells why only its first rows were."""

    sheet: str
    sheets: list[str]
    overflow: str = ""


def is_workbook(path: Path) -> bool:
    """Tell whether a file is to be read as a workbook, by its first bytes.  Raises ListRefused on an encrypted one."""
    with path.open("rb") as file:
        head = file.read(len(PACKED))
        if head == COMPOUND:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                if content.find(ENCRYPTED) >= 0:
                    raise ListRefused(LOCKED)
    return head == PACKED


def write_csv(
    path: Path, target: Path, *, sheet: str | None = None, max_rows: int, max_bytes: int, cut: bool = False
) -> Chosen:
    """Write a sheet as CSV: UTF-8, commas, every cell in quotes.  On refusal the target is gone.

    `cut`: of a sheet with more text than is allowed write the first rows, and say so.

    Raises ListRefused, OSError.
    """
    try:
        with opened(path) as package, target.open("x", encoding="utf-8", newline="") as file:
            target.chmod(0o600)
            book = read_book(package)
            sheet = book.first_with_rows() if sheet is None else sheet
            writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
            is_ours, written = None, 0
            for count, (_, cells) in enumerate(book.rows(sheet)):
                if count > max_rows:  # one of them may be a header
                    raise ListTooLong(max_rows)
                if is_ours is None:
                    is_ours = is_our_export(cells)
                written += writer.writerow(map(guard, cells) if is_ours else cells)  # characters, at most bytes
                if written > max_bytes:
                    words = TOO_MUCH_TEXT.format(sheet=sheet, megabytes=max_bytes // MEGABYTE)
                    if not (cut and count):
                        raise ListRefused(words)
                    return Chosen(sheet, list(book.sheets), words)
            return Chosen(sheet, list(book.sheets))
    except BaseException:  # whatever happens, a full disk too
        target.unlink(missing_ok=True)
        raise
