"""Leases on batches: claim, renew, release.  SQL for the drain's own connection; times are the database's.

A batch is claimable when it is due, nobody holds it, its job runs and its account is active.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from accounts.models import AccountConfig
from verification.domain.failpoints import failpoint
from verification.domain.probing import probe_options
from verification.engine.config import ProbeOptions

LEASE_SECONDS = 20
RENEW_SECONDS = 5

# Round robin over accounts, within an account over its jobs, within a job by due time.
CLAIM = """
WITH candidate AS MATERIALIZED (
    SELECT due.id, j.account_id, j.id AS job_id,
           row_number() OVER (PARTITION BY j.id ORDER BY due.due_at, due.id) AS place
    FROM verification_job j
    JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
    CROSS JOIN LATERAL (
        SELECT b.id, b.due_at FROM verification_batch b
        WHERE b.job_id = j.id AND b.token IS NULL AND b.due_at <= now()
          AND (b.alone OR b.attempts > 0) = %(suspects)s
        ORDER BY b.due_at, b.id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ) due
    WHERE j.status = 'running'
), turn AS (
    SELECT id, row_number() OVER (PARTITION BY account_id ORDER BY place, job_id) AS turn FROM candidate
), chosen AS (
    SELECT id FROM turn ORDER BY turn, random() LIMIT %(limit)s
)
UPDATE verification_batch b
SET token = gen_random_uuid(), lease_until = now() + make_interval(secs => %(lease)s)
FROM chosen, verification_job j
WHERE b.id = chosen.id AND j.id = b.job_id
RETURNING b.id, b.token, b.job_id, b.account_id, j.sandbox, b.check_ids, b.alone, b.tries, b.sender, b.attempts
"""

# Batches are locked in the order of their ids, as a job's cancelling does: no deadlock between the two.
OURS = """
WITH ours AS (
    SELECT b.id FROM verification_batch b
    JOIN unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS held(id, token) ON b.id = held.id AND b.token = held.token
    ORDER BY b.id FOR UPDATE OF b
)
"""
RENEW = f"""{OURS}
UPDATE verification_batch b SET lease_until = now() + make_interval(secs => %(lease)s)
FROM ours WHERE b.id = ours.id RETURNING b.id
"""
RELEASE = f"""{OURS}
UPDATE verification_batch b SET token = NULL, lease_until = NULL FROM ours WHERE b.id = ours.id
"""

OPEN_CHECKS = """
SELECT c.id, c.address FROM verification_check c
LEFT JOIN verification_checkresult r ON r.check_row_id = c.id AND r.final
WHERE c.id = ANY(%(check_ids)s) AND r.check_row_id IS NULL
ORDER BY array_position(%(check_ids)s, c.id)
"""

TOGGLES = """
SELECT mailbox_probe, catch_all_probe, spam_trap_check, disposable_check, deadline_seconds, greylist_retry
FROM accounts_accountconfig WHERE account_id = %(account_id)s AND sending_domain = ''
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed batch; whoever holds the token may write its results."""

    id: int
    token: uuid.UUID
    job_id: uuid.UUID
    account_id: int
    sandbox: bool
    check_ids: list[int]
    alone: bool
    tries: int = 0  # rounds behind it
    sender: str = ""  # of the rounds before; empty in the first
    attempts: int = 0  # leases that expired unreleased

    @property
    def is_suspect(self) -> bool:
        """It may have killed the process that worked on it."""
        return self.alone or self.attempts > 0


@dataclass(frozen=True, slots=True)
class Order:
    """What to do for a lease: the open checks and how the account wants them probed."""

    lease: Lease
    checks: list[tuple[int, str]]  # id, address
    options: ProbeOptions
    deadline_seconds: float
    may_wait: bool = True  # whether greylisted and transient rows may be tried again later


Connection = AsyncConnection[TupleRow]


async def claim(connection: Connection, *, limit: int, suspects: bool = False) -> list[Lease]:
    """Lease up to `limit` due batches: those that are well, or those that may have killed their worker."""
    async with connection.transaction(), connection.cursor(row_factory=class_row(Lease)) as cursor:
        await cursor.execute(CLAIM, {"limit": limit, "suspects": suspects, "lease": LEASE_SECONDS})
        leases = await cursor.fetchall()
        failpoint("claim_before_commit")
    failpoint("claim_committed")
    return leases


async def read_order(connection: Connection, lease: Lease) -> Order:
    """Read what a lease asks for."""
    async with connection.transaction():
        cursor = await connection.execute(OPEN_CHECKS, {"check_ids": lease.check_ids})
        checks = [(row[0], row[1]) for row in await cursor.fetchall()]
        cursor = await connection.execute(TOGGLES, {"account_id": lease.account_id})
        row = await cursor.fetchone()
    names = (
        *("mailbox_probe", "catch_all_probe", "spam_trap_check", "disposable_check"),
        *("deadline_seconds", "greylist_retry"),
    )
    config = AccountConfig(**dict(zip(names, row, strict=True))) if row else AccountConfig()
    options = replace(probe_options(config), mail_from=lease.sender)  # greylisting knows us by it
    may_wait = config.greylist_retry and not lease.sandbox
    return Order(lease, checks, options, float(config.deadline_seconds), may_wait)


async def renew(connection: Connection, leases: list[Lease]) -> set[int]:
    """Renew leases; gives the ids that are still ours."""
    async with connection.transaction():
        cursor = await connection.execute(RENEW, held(leases) | {"lease": LEASE_SECONDS})
        return {row[0] for row in await cursor.fetchall()}


async def release(connection: Connection, leases: list[Lease]) -> None:
    """Give leases back in good order; this does not count as an attempt."""
    async with connection.transaction():
        await connection.execute(RELEASE, held(leases))
        failpoint("release_before_commit")


def held(leases: list[Lease]) -> dict[str, object]:
    return {"ids": [lease.id for lease in leases], "tokens": [lease.token for lease in leases]}
