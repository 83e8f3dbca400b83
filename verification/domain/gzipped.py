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


def unpack(path: Path, *, max_bytes: int) -> None:
    """Put what is packed in the place of a packed file; leave others alone.  Raises ListRefused, OSError."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            return
    unpacked = path.with_suffix(".part")
    try:
        inflate(path, unpacked, max_bytes)
        unpacked.rename(path)
    finally:
        unpacked.unlink(missing_ok=True)


def inflate(path: Path, target: Path, max_bytes: int) -> None:
    size = 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, gzip.open(path) as packed:
        while chunk := next_chunk(packed):
            size += len(chunk)
            if size > max_bytes:
                limit = max_bytes // MEGABYTE
                raise ListRefused(
                    f"The packed file holds more than {limit:,} MB, which is the limit. Split it into smaller files."
                )
            file.write(chunk)


def next_chunk(packed: gzip.GzipFile) -> bytes:
    try:
        return packed.read(CHUNK)
    except (gzip.BadGzipFile, EOFError, zlib.error) as fault:
        raise ListRefused("The packed file (gzip) is damaged or not complete. Pack it again.") from fault
