"""Limits on what strangers may do, guessing passwords above all; exact over all processes: a try is counted before the
password is looked at, by one statement on one row, and given back when it was right.

A stranger must not lock a person out by guessing at their address.  So a browser that the person has signed in with
before (a known device) is counted by itself only; and whoever has none can make theirs known by the mailed link.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from enum import Enum

from django.db import connection


@dataclass(frozen=True, slots=True)
class Limit:
    amount: int
    seconds: int


class Bucket(Enum):
    """What is counted, and how much of it is borne."""

    CLIENT = Limit(50, 600)  # a client's tries at whomever: an office behind one address types wrong, too
    CLIENT_AND_ADDRESS = Limit(5, 300)
    ADDRESS = Limit(50, 3_600)  # tries at one address by all unknown devices together
    DEVICE = Limit(10, 600)
    MAIL = Limit(5, 600)  # mails that anybody may have sent to an address
    DEMO = Limit(30, 60)  # a client's tries of the public demo
    DEMOS = Limit(3_000, 60)  # of all clients together: what it may cost


Taken = list[bytes]  # buckets

# Full buckets are left as they are: who goes on trying does not prolong it.
TAKE = """
INSERT INTO accounts_guess AS guess (bucket, count, until)
VALUES (%(bucket)s, 1, now() + make_interval(secs => %(seconds)s))
ON CONFLICT (bucket) DO UPDATE SET
    count = CASE WHEN guess.until <= now() THEN 1 ELSE guess.count + 1 END,
    until = CASE WHEN guess.until <= now() THEN excluded.until ELSE guess.until END
WHERE guess.until <= now() OR guess.count < %(amount)s
RETURNING count
"""
GIVE_BACK = """
UPDATE accounts_guess SET count = count - 1 WHERE bucket = ANY(%(buckets)s) AND until > now() AND count > 0
"""
FORGET = """
DELETE FROM accounts_guess WHERE bucket IN (
    SELECT bucket FROM accounts_guess WHERE until <= now() LIMIT 1000 FOR UPDATE SKIP LOCKED
)
"""


class TooManyGuesses(Exception):
    """No more tries for now."""


def take(*, client: str, email: str, device: str | None) -> Taken:
    """Count a try at an address; give what to give back if it is right.  Raises TooManyGuesses."""
    email = email.lower()
    if device is not None:
        return _take([(Bucket.DEVICE, device)])
    return _take([(Bucket.CLIENT, client), (Bucket.CLIENT_AND_ADDRESS, f"{client}\0{email}"), (Bucket.ADDRESS, email)])


def take_mail(*, email: str) -> None:
    """Count a mail that somebody had sent to an address.  Raises TooManyGuesses."""
    _take([(Bucket.MAIL, email.lower())])


def take_demo(*, client: str) -> None:
    """Count a try of the public demo.  Raises TooManyGuesses."""
    _take([(Bucket.DEMO, client), (Bucket.DEMOS, "")])


def give_back(taken: Taken) -> None:
    """Uncount a try."""
    with connection.cursor() as cursor:
        cursor.execute(GIVE_BACK, {"buckets": taken})


def _take(wanted: list[tuple[Bucket, str]]) -> Taken:
    taken: Taken = []
    with connection.cursor() as cursor:
        for kind, name in wanted:
            bucket = hashlib.sha256(f"{kind.name}\0{name}".encode()).digest()
            limit = kind.value
            cursor.execute(TAKE, {"bucket": bucket, "seconds": limit.seconds, "amount": limit.amount})
            if cursor.fetchone() is None:
                give_back(taken)
                raise TooManyGuesses
            taken.append(bucket)
        if random.random() < 0.01:
            cursor.execute(FORGET)
    return taken
