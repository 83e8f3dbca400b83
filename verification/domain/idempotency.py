"""Idempotency-Key: the same request sent again has one effect and gets one answer, for 24 hours.

Whoever comes first has the turn: a token with a lease.  The answer is kept in the transaction of the effect, so that
both are there or neither; a turn that was lost meanwhile (its process hung for longer than the lease) undoes both.
Others wait for the answer, outside of any transaction.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection as django_connection
from psycopg import AsyncConnection

from accounts.domain.moves import Move, arun, run
from verification.domain.live_pool import LivePool

Connection = AsyncConnection[Any]  # Any: whatever its rows are made of

LONGEST_KEY = 255
KEPT_HOURS = 24
PATIENCE_SECONDS = 10.0  # for the answer of whoever has the turn
LOOK_SECONDS = 0.1
NOT_KEPT = frozenset((401, 402, 409, 429))  # and 5xx: they may pass, and nothing was done


class KeyOutOfBounds(ValueError):
    """A key that is empty or too long."""

    def __init__(self) -> None:
        super().__init__(f"An Idempotency-Key has 1 to {LONGEST_KEY} characters.")


class KeyReused(Exception):
    """The same key came with another request."""


class InProgress(Exception):
    """The first request is still being worked on, or lost its turn to another."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A request under its key, as digests; accounts, and live and sandbox keys, are worlds of their own."""

    account_id: int
    key_digest: bytes
    body_digest: bytes


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to do what was wanted."""

    token: UUID


@dataclass(frozen=True, slots=True)
class Kept:
    """What the request was answered; `answer` is JSON."""

    status: int
    answer: str


FIND = f"""
SELECT body_digest, status, answer,
       created_at < now() - interval '{KEPT_HOURS} hours' OR (status IS NULL AND lease_until < now())
FROM verification_idempotencyrecord WHERE account_id = %(account_id)s AND key_digest = %(key_digest)s
"""  # a constant
OPEN = """
INSERT INTO verification_idempotencyrecord (account_id, key_digest, body_digest, token, lease_until, answer, created_at)
VALUES (%(account_id)s, %(key_digest)s, %(body_digest)s, gen_random_uuid(),
        now() + %(lease)s * interval '1 second', '', now())
ON CONFLICT (account_id, key_digest) DO NOTHING RETURNING token
"""
TAKE_OVER = f"""
UPDATE verification_idempotencyrecord
SET body_digest = %(body_digest)s, token = gen_random_uuid(), status = NULL, answer = '', created_at = now(),
    lease_until = now() + %(lease)s * interval '1 second'
WHERE account_id = %(account_id)s AND key_digest = %(key_digest)s
  AND (created_at < now() - interval '{KEPT_HOURS} hours' OR (status IS NULL AND lease_until < now()))
RETURNING token
"""  # a constant
# Also true for an answer that was kept by this very turn, when its transaction is tried again on another connection.
KEEP = """
UPDATE verification_idempotencyrecord SET status = %(status)s, answer = %(answer)s
WHERE token = %(token)s RETURNING id
"""
FORGET = "DELETE FROM verification_idempotencyrecord WHERE token = %(token)s AND status IS NULL"
SWEEP = f"""
DELETE FROM verification_idempotencyrecord WHERE id IN (
    SELECT id FROM verification_idempotencyrecord
    WHERE created_at < now() - interval '{KEPT_HOURS} hours' ORDER BY created_at LIMIT 5000 FOR UPDATE SKIP LOCKED
)
"""  # a constant


def wanted(*, account_id: int, kind: str, key: str, method: str, path: str, body: bytes) -> Wanted:
    """Give what is asked for.  Raises KeyOutOfBounds."""
    if not 0 < len(key) <= LONGEST_KEY:
        raise KeyOutOfBounds
    key_digest = hashlib.sha256(f"{kind}\0{key}".encode("utf-8", "surrogatepass")).digest()
    body_digest = hashlib.sha256(f"{method} {path}\0".encode())
    body_digest.update(body)  # not put together: it may be large
    return Wanted(account_id, key_digest, body_digest.digest())


def take_turn(request: Wanted, *, lease_seconds: float) -> Turn | Kept:
    """Give the turn, or the answer that is there already; waits for one that is under way.

    Not inside a transaction.  Raises KeyReused, InProgress.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = run(taking(request, lease_seconds))
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise InProgress
        if not django_connection.in_atomic_block:
            django_connection.close()  # a crowd that waits needs no connections
        time.sleep(LOOK_SECONDS)


async def atake_turn(pool: LivePool, request: Wanted, *, lease_seconds: float) -> Turn | Kept:
    """Do as `take_turn`, on an event loop."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        async with pool.connection() as connection:
            found = await arun(connection, taking(request, lease_seconds))
        if found is not None:
            return found
        if time.monotonic() > deadline:
            raise InProgress
        await asyncio.sleep(LOOK_SECONDS)


def keep(turn: Turn, kept: Kept) -> None:
    """Keep the answer, in the transaction of what was done.  Raises InProgress when the turn was lost."""
    run(keeping(turn, kept))


async def akeep(connection: Connection, turn: Turn, kept: Kept) -> None:
    """Do as `keep`, in the transaction of an async connection."""
    await arun(connection, keeping(turn, kept))


def forget(turn: Turn) -> None:
    """Give the turn back: nothing was done, and the next may try."""
    run(forgetting(turn))


async def aforget(pool: LivePool, turn: Turn) -> None:
    """Do as `forget`, on an event loop."""
    async with pool.connection() as connection:
        await arun(connection, forgetting(turn))


def is_kept(status: int) -> bool:
    return status < 500 and status not in NOT_KEPT


def sweep() -> int:
    """Delete up to 5,000 records that are older than a day, and tell how many."""
    with django_connection.cursor() as cursor:
        cursor.execute(SWEEP)
        return int(cursor.rowcount)


def taking(request: Wanted, lease_seconds: float) -> Move[Turn | Kept | None]:
    """Give the turn or the answer; None while another has the turn.  Locks nothing that another holds."""
    values = {
        "account_id": request.account_id,
        "key_digest": request.key_digest,
        "body_digest": request.body_digest,
        "lease": lease_seconds,
    }
    row = yield FIND, values
    if row is None:
        made = yield OPEN, values
        return Turn(made[0]) if made else None
    body_digest, status, answer, is_over = row
    if is_over:
        taken = yield TAKE_OVER, values
        return Turn(taken[0]) if taken else None
    if bytes(body_digest) != request.body_digest:
        raise KeyReused
    return None if status is None else Kept(status, answer)


def keeping(turn: Turn, kept: Kept) -> Move[None]:
    row = yield KEEP, {"token": turn.token, "status": kept.status, "answer": kept.answer}
    if row is None:
        raise InProgress


def forgetting(turn: Turn) -> Move[None]:
    yield FORGET, {"token": turn.token}
