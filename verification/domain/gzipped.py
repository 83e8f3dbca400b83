"""List files packed with gzip: unpacked on arrival, as a stream and within a bound."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from verification.domain.list_text import ListRefused

MAGIC = b"\x1f\x8b"
CHUNK = 1 << 16
MEGABYTE = 1_000_000
SPLIT = "Split it into smaller files."
LONGEST_TAIL = 1 << 20  # of a line that is cut off
NO_LINES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff")  # workbooks, UTF-16


class TooBig(ListRefused):
    """A packed file that holds more than is allowed."""

    def __init__(self, max_bytes: int) -> None:
        self.found = f"The packed file holds more than {max_bytes // MEGABYTE:,} MB, which is the limit."
        super().__init__(f"{self.found} {SPLIT}")


def unpack(path: Path, *, max_bytes: int, cut: bool = False) -> str:
    """Put what is packed in the place of a packed file; leave others alone.

    `cut`: of a text that is too big put its first lines there, and give what was wrong; "" when nothing was.

    Raises ListRefused, TooBig, OSError.
    """
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return ""
    unpacked, overflow = path.with_suffix(".part"), ""
    try:
        try:
            inflate(path, unpacked, max_bytes)
        except TooBig as refusal:
            if not (cut and keep_lines(unpacked)):
                raise
            overflow = refusal.found
        unpacked.rename(path)
    finally:
        unpacked.unlink(missing_ok=True)
    return overflow


def keep_lines(path: Path) -> bool:
    """End a text with its last whole line; False when it is no text of single bytes, or has no whole line."""
    with path.open("r+b") as file:
        head = file.read(CHUNK)
        file.seek(max(0, file.seek(0, os.SEEK_END) - LONGEST_TAIL))
        begin, tail = file.tell(), file.read()
        end = begin + tail.rfind(b"\n") + 1
        if head.startswith(NO_LINES) or b"\0" in head or end == begin:
            return False
        file.truncate(end)
    return True


def inflate(path: Path, target: Path, max_bytes: int) -> None:
    """Unpack to a file.  Raises ListRefused; TooBig when the file holds as much as is allowed, and there is more."""
    size = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, gzip.open(path) as packed:
        while chunk := next_chunk(packed):
            file.write(chunk[: max_bytes - size])
            size += len(chunk)
            if size > max_bytes:
                raise TooBig(max_bytes)


def next_chunk(packed: gzip.GzipFile) -> bytes:
    try:
        return packed.read(CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as fault:
        raise ListRefused("The packed file (gzip) is damaged or not complete. Pack it again.") from fault
