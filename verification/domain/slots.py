"""Who may drain on this machine: DRAINS processes what is well, another what is suspected of killing its worker.

A batch is suspected from the first lease that expired.  Suspects are worked on one at a time in a process that holds
nothing else, so that a death accuses nobody beside them; and in a process of their own, so that neither they nor the
rest wait for each other.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import connection

from verification.domain.silence import AT_WORK


class Slot(StrEnum):
    """The value begins the names of its seats."""

    MAIN = "drain"
    SUSPECTS = "drain-suspects"

    @property
    def seats(self) -> list[Seat]:
        return [Seat(self, number) for number in range(1, (settings.DRAINS if self is Slot.MAIN else 1) + 1)]


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one process in a slot."""

    slot: Slot
    number: int = 1

    @property
    def name(self) -> str:
        """Give what its files on this machine are called by."""
        return self.slot if self.number == 1 else f"{self.slot}-{self.number}"


FIRST_SEAT = Seat(Slot.MAIN)

# Of what is well, or of what is suspected: is there any to claim, and is any being worked on?
CLAIMABLE_AND_LEASED = f"""
SELECT EXISTS (
    SELECT 1 FROM verification_job j
    JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
    WHERE {AT_WORK} AND EXISTS (
        SELECT 1 FROM verification_batch b WHERE b.job_id = j.id AND b.token IS NULL AND b.due_at <= now()
        AND (b.alone OR b.attempts > 0) = %(suspects)s
    )
), EXISTS (
    SELECT 1 FROM verification_batch
    WHERE token IS NOT NULL AND lease_until > now() AND (alone OR attempts > 0) = %(suspects)s
)
"""


PLENTY_BATCHES = 8  # claimable: more than one process takes at once
CLAIMABLE = f"""
SELECT count(*) FROM (
    SELECT FROM verification_job j
    JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
    JOIN verification_batch b ON b.job_id = j.id AND b.token IS NULL AND b.due_at <= now()
                                 AND NOT b.alone AND b.attempts = 0
    WHERE {AT_WORK} LIMIT %s
) AS claimable
"""


@contextmanager
def take_seat() -> Iterator[Seat | None]:
    """Take the first free seat for which there is work, for the time of the block; None when there is none."""
    for slot in Slot:
        if not claimable_and_leased(slot)[0]:
            continue
        for seat in slot.seats:
            with hold(seat) as ours:
                if ours:
                    yield seat
                    return
    yield None


@contextmanager
def hold(seat: Seat) -> Iterator[bool]:
    """Take a seat's lock, which the kernel gives back however we die.  False: somebody has it."""
    settings.RUN_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.RUN_DIR / f"{seat.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def hold_all(slot: Slot) -> Iterator[bool]:
    """Take all seats of a slot.  False: somebody has one."""
    with ExitStack() as stack:
        yield all(stack.enter_context(hold(seat)) for seat in slot.seats)


def has_free_seat(slot: Slot) -> bool:
    for seat in slot.seats:
        with hold(seat) as ours:
            if ours:
                return True
    return False


def wants_help() -> bool:
    """Tell whether one more process could work on what is well."""
    if not has_free_seat(Slot.MAIN):
        return False
    with connection.cursor() as cursor:
        cursor.execute(CLAIMABLE, [PLENTY_BATCHES])
        (claimable,) = cursor.fetchone()
    return int(claimable) == PLENTY_BATCHES


def claimable_and_leased(slot: Slot) -> tuple[bool, bool]:
    """Tell whether there is work for a slot that nobody has, and whether anybody on any machine has some."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIMABLE_AND_LEASED, {"suspects": slot is Slot.SUSPECTS})
        claimable, leased = cursor.fetchone()
    return claimable, leased


def is_silent(slot: Slot) -> bool:
    """Tell whether a slot has work that nobody does: its owner's lock goes at once when it dies, its leases later."""
    claimable, leased = claimable_and_leased(slot)
    return claimable and (not leased or has_free_seat(slot))
