"""What the mail world heard, one JSON line an event: the oracle for manners and for what left the house."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

_FLUSH_SECONDS = 0.2


class Journal:
    """Writes events to a file, in blocks, five times a second.

    Bytes are written as the characters of the same numbers (`text.encode("latin-1")` gives them back).
    """

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._file = path.open("a", encoding="ascii", buffering=1 << 20)
        self._loop = loop
        self._timer = loop.call_later(_FLUSH_SECONDS, self._flush)

    def note(self, event: str, connection: int, address: str, peer: str, detail: bytes) -> None:
        """Note one of "open", "command" (the raw line) and "close" (the reason)."""
        entry = {
            "time": round(time.time(), 6),
            "event": event,
            "connection": connection,
            "address": address,
            "peer": peer,
            "detail": detail.decode("latin-1"),
        }
        self._file.write(json.dumps(entry) + "\n")

    def close(self) -> None:
        self._timer.cancel()
        self._file.close()

    def _flush(self) -> None:
        self._file.flush()
        self._timer = self._loop.call_later(_FLUSH_SECONDS, self._flush)
