"""The ZIP file around a workbook: its directory is judged before anything is inflated, and inflating is bounded.

Of a part no more bytes come out than the directory says.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from verification.domain.list_text import ListRefused

CHUNK = 1 << 16
MOST_PARTS = 2_000
MOST_DIRECTORY = 1_000_000  # bytes
MOST_INFLATED = 500_000_000  # bytes, of all parts that are read
MOST_RATIO = 100  # real sheets have up to 30
RATIO_FROM = 10_000_000  # bytes; smaller parts harm nobody
ENCRYPTED = 0x1  # flag of a part
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # those of the standard; they inflate in bounded steps

SAVE_AGAIN = "Open it in a spreadsheet program, save it as .xlsx or CSV (UTF-8) and upload that."
UNPACK = "Unpack it and upload the file inside."
# What a part with this name tells of a file that is no workbook we read.
KINDS = {
    "xl/workbook.bin": "This is a binary workbook (.xlsb). " + SAVE_AGAIN,
    "word/document.xml": "This is a word processor's document, not a list. " + SAVE_AGAIN,
    "ppt/presentation.xml": "This is a presentation, not a list.",
    "content.xml": "This is an OpenDocument file. " + SAVE_AGAIN,
}
FAULTS = (
    *(zipfile.BadZipFile, zlib.error, EOFError, struct.error),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),  # zipfile's words for what it cannot read
)


def damaged(what: str) -> ListRefused:
    return ListRefused(f"This workbook is damaged or not complete: {what}. {SAVE_AGAIN}")


class Careful(io.RawIOBase):
    """A file that gives no more at once than a directory may have, whatever its header says."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size if 0 <= size <= MOST_DIRECTORY else MOST_DIRECTORY + 1)
        if len(data) > MOST_DIRECTORY:
            raise zipfile.BadZipFile("its directory is too long")
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        if offset < 0 and whence == 0:
            raise zipfile.BadZipFile("its directory lies before its beginning")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


class Package:
    """The parts of a workbook by their names, in lower case; counts what was inflated."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._parts = {plain(info.filename): info for info in archive.infolist()}
        self._left = MOST_INFLATED

    def has(self, name: str) -> bool:
        return name.lower() in self._parts

    def chunks(self, name: str) -> Iterator[bytes]:
        """Inflate a part, piece by piece.  Raises ListRefused."""
        info = self._parts.get(name.lower())
        if info is None:
            raise damaged(f"its part {shown(name)} is missing")
        self._judge(info)
        try:
            with self._archive.open(info) as part:
                while chunk := part.read(CHUNK):
                    yield chunk
        except FAULTS as fault:
            raise damaged(f"its part {shown(name)} cannot be read") from fault

    def _judge(self, info: zipfile.ZipInfo) -> None:
        name, size = shown(info.filename), info.file_size
        if info.flag_bits & ENCRYPTED:
            raise ListRefused(f"This workbook is encrypted (its part {name}). Save it without a password.")
        if info.compress_type not in METHODS:
            raise damaged(f"its part {name} is packed in a way that no spreadsheet program uses")
        if size > RATIO_FROM and size > MOST_RATIO * info.compress_size:
            raise ListRefused(
                f"The part {name} of this workbook would grow to {size:,} bytes, more than {MOST_RATIO} times its "
                f"packed size. Save the rows that you need as CSV (UTF-8) and upload that."
            )
        self._left -= size
        if self._left < 0:
            raise ListRefused(
                f"This workbook would grow to more than {MOST_INFLATED // 1_000_000:,} MB (at its part {name}). "
                "Save the sheet that you need as CSV (UTF-8) and upload that."
            )


@contextmanager
def opened(path: Path) -> Iterator[Package]:
    """Open a workbook whose directory is in order.  Raises ListRefused."""
    with path.open("rb") as file:
        try:
            archive = zipfile.ZipFile(Careful(file))
        except FAULTS as fault:
            raise ListRefused(
                f"This is an Excel workbook or another packed file that is damaged or not complete. {SAVE_AGAIN}"
            ) from fault
        with archive:
            check_directory(archive.infolist())
            yield Package(archive)


def check_directory(parts: list[zipfile.ZipInfo]) -> None:
    """Raise ListRefused unless the parts are those of a workbook."""
    if len(parts) > MOST_PARTS:
        raise ListRefused(f"This workbook has {len(parts):,} parts; {MOST_PARTS:,} are possible. {SAVE_AGAIN}")
    names = [plain(info.filename) for info in parts]
    for name in names:
        if ".." in name.split("/"):
            raise ListRefused(f"This workbook has a part named {shown(name)}, outside of itself. {SAVE_AGAIN}")
    for telling, words in KINDS.items():
        if telling in names:
            raise ListRefused(words)
    if "[content_types].xml" not in names:
        raise ListRefused("This file is packed (ZIP). " + UNPACK)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ListRefused(f"This workbook has two parts named {shown(twice)}. {SAVE_AGAIN}")


def plain(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def shown(name: str) -> str:
    """Give the name of a part for a message: printable, not too long."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:80])
