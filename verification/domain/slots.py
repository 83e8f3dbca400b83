"""Who may drain on this machine: one process what is well, another what is suspected of killing its worker.

A batch is suspected from the first lease that expired.  Suspects are worked on one at a time in a process that holds
nothing else, so that a death accuses nobody beside them; and in a process of their own, so that neither they nor the
rest wait for each other.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.conf import settings


class Slot(StrEnum):
    """The value names the lock file."""

    MAIN = "drain"
    SUSPECTS = "drain-suspects"


@contextmanager
def take_slot() -> Iterator[Slot | None]:
    """Take the first free slot for the time of the block; None when both are taken."""
    for slot in Slot:
        with hold(slot) as ours:
            if ours:
                yield slot
                return
    yield None


@contextmanager
def hold(slot: Slot) -> Iterator[bool]:
    """Take a slot's lock, which the kernel gives back however we die.  False: somebody has it."""
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.RUN_DIR / f"{slot}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def is_free(slot: Slot) -> bool:
    with hold(slot) as ours:
        return ours
