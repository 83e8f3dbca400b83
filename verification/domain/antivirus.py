"""Files looked at by ClamAV's clamd, over its own protocol: INSTREAM, in chunks, on TCP or a Unix socket."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.conf import settings

CHUNK_BYTES = 64 * 1024
CONNECT_SECONDS = 5.0
SCAN_SECONDS = 60.0  # for each step; a big archive takes a while
MAX_REPLY = 1_000  # bytes
ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\s]+):(?P<port>[0-9]{1,5})")

FOUND = re.compile(rb"stream: (.+) FOUND")


class Infected(Exception):
    """The scanner knows something harmful in the file; str() is its name."""


class ScannerUnavailable(Exception):
    """Nobody can tell whether the file is harmful; the text is for operators."""


def scan(file: BinaryIO) -> None:
    """Read a file to its end and have it scanned.  Raises Infected, ScannerUnavailable."""
    try:
        with connection() as link:
            reply = talk(link, file)
    except (OSError, ValueError) as error:
        raise ScannerUnavailable(f"clamd at {settings.CLAMD}: {error}") from error
    if (found := FOUND.fullmatch(reply)) is not None:
        raise Infected(found[1].decode("utf-8", "replace"))
    if reply != b"stream: OK":
        raise ScannerUnavailable(f"clamd at {settings.CLAMD} says {reply.decode('utf-8', 'replace')!r}")


@contextmanager
def connection() -> Iterator[socket.socket]:
    """Connect to CLAMD: an absolute path, or host:port.  Raises OSError, ValueError."""
    where = settings.CLAMD
    if where.startswith("/"):
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(CONNECT_SECONDS)
            link.connect(where)
            yield link
        return
    address = ADDRESS.fullmatch(where)
    if address is None:
        raise ValueError("CLAMD is not set" if not where else "neither an absolute path nor host:port")
    with socket.create_connection((address["host"].strip("[]"), int(address["port"])), CONNECT_SECONDS) as link:
        yield link


def talk(link: socket.socket, file: BinaryIO) -> bytes:
    """Send the file; give the reply without its final NUL.  clamd may answer, and hang up, before the end."""
    link.settimeout(SCAN_SECONDS)
    try:
        link.sendall(b"zINSTREAM\0")
        while chunk := file.read(CHUNK_BYTES):
            link.sendall(len(chunk).to_bytes(4, "big") + chunk)
        link.sendall(bytes(4))
    except (BrokenPipeError, ConnectionResetError):
        return hear(link) or b"nothing, and hangs up"
    return hear(link)


def hear(link: socket.socket) -> bytes:
    reply = b""
    while not reply.endswith(b"\0") and len(reply) < MAX_REPLY:
        more = link.recv(MAX_REPLY)
        if not more:
            break
        reply += more
    return reply.rstrip(b"\0\n")
