"""What keeps memory and its collector cheap: a bounded store that forgets by the generation, and a calmer collector."""

from __future__ import annotations

import gc
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
# By how many objects more the youngest are looked at, and after how many such looks the older, and all.
SHORT_LIVED = (100_000, 20, 50)  # of a process that ends before much garbage gets old
LASTING = (10_000, 5, 5)  # of one that goes on for months, and makes some with each page


class Memory(Generic[Key, Value]):
    """Keeps what was put or got last: `limit` entries at most, and half of them for certain.

    Two plain dicts take turns.  Deleting the first of one dict again and again would search through all the gaps that
    the deletions before left.
    """

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._new: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        value = self._new.get(key)
        if value is None and (value := self._old.get(key)) is not None:
            self.put(key, value)
        return value

    def put(self, key: Key, value: Value) -> None:
        """Keep an entry, in place of an older one of that key."""
        if len(self._new) >= self._half and key not in self._new:
            self._old, self._new = self._new, {}
        self._new[key] = value

    def drop(self, key: Key) -> None:
        """Forget an entry, if there is one."""
        self._new.pop(key, None)
        self._old.pop(key, None)

    def __len__(self) -> int:
        return len(self._new.keys() | self._old.keys())


def collect_less_often(thresholds: tuple[int, int, int] = SHORT_LIVED) -> None:
    """Spare the collector what stays, and young objects in flight: a quarter of the time of a process went there."""
    gc.freeze()
    gc.set_threshold(*thresholds)
