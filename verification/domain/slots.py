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
from django.db import connection


class Slot(StrEnum):
    """The value names the lock file."""

    MAIN = "drain"
    SUSPECTS = "drain-suspects"


# Of what is well, or of what is suspected: is there any to claim, and is any being worked on?
CLAIMABLE_AND_LEASED = """
SELECT EXISTS (
    SELECT 1 FROM verification_job j
    JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
    WHERE j.status IN ('running', 'parsing') AND EXISTS (
        SELECT 1 FROM verification_batch b WHERE b.job_id = j.id AND b.token IS NULL AND b.due_at <= now()
        AND (b.alone OR b.attempts > 0) = %(suspects)s
    )
), EXISTS (
    SELECT 1 FROM verification_batch
    WHERE token IS NOT NULL AND lease_until > now() AND (alone OR attempts > 0) = %(suspects)s
)
"""


@contextmanager
def take_slot() -> Iterator[Slot | None]:
    """Take the first free slot for which there is work, for the time of the block; None when there is none."""
    for slot in Slot:
        if not claimable_and_leased(slot)[0]:
            continue
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


def claimable_and_leased(slot: Slot) -> tuple[bool, bool]:
    """Tell whether there is work for a slot that nobody has, and whether anybody on any machine has some."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIMABLE_AND_LEASED, {"suspects": slot is Slot.SUSPECTS})
        claimable, leased = cursor.fetchone()
    return claimable, leased


def is_silent(slot: Slot) -> bool:
    """Tell whether a slot has work that nobody does: its owner's lock goes at once when it dies, its leases later."""
    claimable, leased = claimable_and_leased(slot)
    return claimable and (not leased or is_free(slot))
