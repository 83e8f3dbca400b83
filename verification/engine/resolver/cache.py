"""Replies kept for their time to live, bounded by what they weigh."""

from __future__ import annotations

from verification.engine.resolver.reply import DnsReply

Key = tuple[str, str]  # name, record type


class Cache:
    """A bounded memory: the half that nobody asked for goes at once.  A reply weighs one more than its records."""

    __slots__ = ("_half", "_new", "_old", "_weight")

    def __init__(self, limit: int) -> None:
        self._new: dict[Key, tuple[float, DnsReply]] = {}
        self._old: dict[Key, tuple[float, DnsReply]] = {}
        self._half = limit // 2
        self._weight = 0  # of the new ones

    def get(self, key: Key, now: float) -> DnsReply | None:
        """Give the reply that is still good at `now`."""
        entry = self._new.get(key)
        if entry is None and (entry := self._old.get(key)) is not None and entry[0] > now:
            self.put(key, entry[1], entry[0])
        return entry[1] if entry is not None and entry[0] > now else None

    def put(self, key: Key, reply: DnsReply, until: float) -> None:
        """Keep a reply; others make room."""
        weight = 1 + len(reply.records)
        if self._weight + weight > self._half:
            self._old, self._new, self._weight = self._new, {}, 0
        before = self._new.get(key)
        self._new[key] = (until, reply)
        self._weight += weight - (1 + len(before[1].records) if before else 0)

    def __len__(self) -> int:
        return len(self._new.keys() | self._old.keys())
