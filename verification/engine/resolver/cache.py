"""Replies kept for their time to live, bounded by what they weigh."""

from __future__ import annotations

from verification.engine.resolver.reply import DnsReply

Key = tuple[str, str]  # name, record type


class Cache:
    """A bounded memory of replies; the oldest goes first.  A reply weighs one more than its records."""

    __slots__ = ("_entries", "_limit", "_weight")

    def __init__(self, limit: int) -> None:
        self._entries: dict[Key, tuple[float, DnsReply]] = {}
        self._limit = limit
        self._weight = 0

    def get(self, key: Key, now: float) -> DnsReply | None:
        """Give the reply that is still good at `now`."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= now:
            self._drop(key)
            return None
        return entry[1]

    def put(self, key: Key, reply: DnsReply, until: float) -> None:
        """Keep a reply; others make room."""
        if key in self._entries:
            self._drop(key)
        self._entries[key] = (until, reply)
        self._weight += 1 + len(reply.records)
        while self._weight > self._limit:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: Key) -> None:
        self._weight -= 1 + len(self._entries.pop(key)[1].records)

    def __len__(self) -> int:
        return len(self._entries)
