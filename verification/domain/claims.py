"""Leases on batches: claim, renew, release.  SQL for the drain's own connection; times are the database's.

A batch is claimable when it is due, nobody holds it, its job runs and its account is active.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from accounts.models import AccountConfig
from verification.domain import do_not_probe, facts, probe_state
from verification.domain.failpoints import failpoint
from verification.domain.known import digest_of
from verification.domain.probing import probe_options
from verification.domain.reuse import Earlier, find_fresh
from verification.domain.silence import AT_WORK
from verification.engine.config import ProbeOptions
from verification.engine.syntax import parse
from verification.engine.types import CatchAll

LEASE_SECONDS = 20.0
RENEW_SECONDS = 5.0

# Round robin over accounts, within an account over its jobs, within a job by due time.  Only what is taken is locked;
# there are twice as many candidates, for another drain may be taking the first ones.
CLAIM = f"""
WITH candidate AS MATERIALIZED (
    SELECT due.id, j.account_id, j.id AS job_id,
           row_number() OVER (PARTITION BY j.id ORDER BY due.due_at, due.id) AS place
    FROM verification_job j
    JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
    CROSS JOIN LATERAL (
        SELECT b.id, b.due_at FROM verification_batch b
        WHERE b.job_id = j.id AND b.token IS NULL AND b.due_at <= now()
          AND (b.alone OR b.attempts > 0) = %(suspects)s
        ORDER BY b.due_at, b.id LIMIT 2 * %(limit)s
    ) due
    WHERE {AT_WORK} AND j.account_id <> ALL(%(but)s)
), turn AS (
    SELECT id, row_number() OVER (PARTITION BY account_id ORDER BY place, job_id) AS turn FROM candidate
), first AS (
    SELECT id, turn, random() AS lot FROM turn ORDER BY turn, lot LIMIT 2 * %(limit)s
), chosen AS (
    SELECT b.id FROM first JOIN verification_batch b ON b.id = first.id AND b.token IS NULL
    ORDER BY first.turn, first.lot LIMIT %(limit)s FOR UPDATE OF b SKIP LOCKED
)
UPDATE verification_batch b
SET token = gen_random_uuid(), lease_until = now() + make_interval(secs => %(lease)s)
FROM chosen, verification_job j
WHERE b.id = chosen.id AND j.id = b.job_id
RETURNING b.id, b.token, b.job_id, b.account_id, j.sandbox, b.check_ids, b.alone, b.tries, b.sender, j.max_age,
          b.attempts, coalesce(host(b.source_address), '') AS source
"""

# Batches are locked in the order of their ids, as a job's cancelling does: no deadlock between the two.
OURS = """
WITH ours AS (
    SELECT b.id FROM verification_batch b
    JOIN unnest(%(ids)s::bigint[], %(tokens)s::uuid[]) AS held(id, token) ON b.id = held.id AND b.token = held.token
    ORDER BY b.id FOR UPDATE OF b
)
"""
# What an account that was suspended has in work is given back unfinished.
RENEW = f"""{OURS}
UPDATE verification_batch b
SET token = CASE WHEN goes_on THEN b.token END,
    lease_until = CASE WHEN goes_on THEN now() + make_interval(secs => %(lease)s) END
FROM ours JOIN verification_batch o ON o.id = ours.id
JOIN accounts_account a ON a.id = o.account_id
CROSS JOIN LATERAL (SELECT a.status = 'active' AS goes_on) AS account
WHERE b.id = ours.id RETURNING b.id, goes_on
"""
RELEASE = f"""{OURS}
UPDATE verification_batch b SET token = NULL, lease_until = NULL FROM ours WHERE b.id = ours.id
"""

OPEN_CHECKS = """
SELECT c.id, c.address, c.domain FROM verification_check c
LEFT JOIN verification_checkresult r ON r.check_row_id = c.id AND r.final
WHERE c.id = ANY(%(check_ids)b::bigint[]) AND r.check_row_id IS NULL
"""

# The row of the job's sending domain comes before the account's own, whose empty name sorts last.
CONFIG = """
SELECT a.hash_key, to_jsonb(c) - 'updated_at', j.switched_off
FROM verification_job j JOIN accounts_account a ON a.id = j.account_id
LEFT JOIN LATERAL (
    SELECT * FROM accounts_accountconfig own
    WHERE own.account_id = a.id AND own.sending_domain IN ('', j.sending_domain)
    ORDER BY own.sending_domain DESC LIMIT 1
) c ON true
WHERE j.id = %(job_id)s
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
    max_age: int = 0  # seconds; 0: no earlier result is used
    attempts: int = 0  # leases that expired unreleased
    source: str = ""  # address of ours that the rounds before came from


@dataclass(frozen=True, slots=True)
class OpenCheck:
    """A check without a final result; `digest` names its mailbox within the account."""

    id: int
    address: str
    domain: str
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class Order:
    """What to do for a lease: the open checks and how the account wants them probed."""

    lease: Lease
    checks: list[OpenCheck]
    options: ProbeOptions
    deadline_seconds: float
    may_wait: bool = True  # whether greylisted and transient rows may be tried again later
    earlier: dict[bytes, Earlier] = field(default_factory=dict)  # results that are fresh enough, by digest
    catch_alls: dict[str, CatchAll] = field(default_factory=dict)  # probes known, by domain


Connection = AsyncConnection[TupleRow]


async def claim(connection: Connection, *, limit: int, suspects: bool = False, but: Iterable[int] = ()) -> list[Lease]:
    """Lease up to `limit` due batches: those that are well, or those that may have killed their worker.

    None of the accounts in `but`.
    """
    async with connection.transaction(), connection.cursor(row_factory=class_row(Lease)) as cursor:
        await cursor.execute(CLAIM, {"limit": limit, "suspects": suspects, "lease": LEASE_SECONDS, "but": list(but)})
        leases = await cursor.fetchall()
        failpoint("claim_before_commit")
    failpoint("claim_committed")
    return leases


async def read_orders(connection: Connection, leases: Sequence[Lease]) -> AsyncIterator[Order]:
    """Read what leases ask for, one after the other."""
    configs: dict[uuid.UUID, tuple[AccountConfig, bytes]] = {}
    for lease in leases:
        if lease.job_id not in configs:
            configs[lease.job_id] = await read_config(connection, lease.job_id)
        yield await read_order(connection, lease, *configs[lease.job_id])


async def read_order(connection: Connection, lease: Lease, config: AccountConfig, hash_key: bytes) -> Order:
    forbidden = await do_not_probe.names(connection)
    shut = await probe_state.look(connection)
    checks = [
        OpenCheck(check_id, address, domain, digest_of(parse(address), hash_key=hash_key))
        for check_id, address, domain in await open_checks(connection, lease)
    ]
    earlier: dict[bytes, Earlier] = {}
    catch_alls: dict[str, CatchAll] = {}
    if not lease.sandbox:
        catch_alls = await facts.load(connection, {check.domain for check in checks})
        if config.result_reuse and lease.max_age and not lease.tries:
            digests = [check.digest for check in checks if check.digest]
            earlier = await find_fresh(connection, account_id=lease.account_id, digests=digests, max_age=lease.max_age)
    # Greylisting knows us by sender and source.
    options = probe_options(config, do_not_probe=forbidden, dns_only=shut)
    options = replace(options, mail_from=lease.sender, source=lease.source)
    may_wait = config.greylist_retry and not lease.sandbox
    return Order(lease, checks, options, float(config.deadline_seconds), may_wait, earlier, catch_alls)


async def open_checks(connection: Connection, lease: Lease) -> list[tuple[int, str, str]]:
    """Give id, address and domain of the checks without a final result, in the order of their batch."""
    cursor = await connection.execute(OPEN_CHECKS, {"check_ids": lease.check_ids})
    rows: dict[int, tuple[int, str, str]] = {row[0]: row for row in await cursor.fetchall()}
    return [rows[check_id] for check_id in lease.check_ids if check_id in rows]


async def read_config(connection: Connection, job_id: uuid.UUID) -> tuple[AccountConfig, bytes]:
    """Give the toggles that hold for a job, the defaults where there is no row of them, and the hash key."""
    row = await (await connection.execute(CONFIG, {"job_id": job_id})).fetchone()
    assert row is not None, "a batch has a job"
    hash_key, columns, switched_off = row
    config = AccountConfig(**(columns or {}))
    for feature in switched_off:
        setattr(config, feature, False)
    return config, bytes(hash_key)


async def renew(connection: Connection, leases: list[Lease]) -> set[int]:
    """Renew leases, but those of suspended accounts, which are released; gives the ids that are still ours."""
    async with connection.transaction():
        cursor = await connection.execute(RENEW, held(leases) | {"lease": LEASE_SECONDS})
        return {batch_id for batch_id, goes_on in await cursor.fetchall() if goes_on}


async def release(connection: Connection, leases: list[Lease]) -> None:
    """Give leases back in good order; this does not count as an attempt."""
    async with connection.transaction():
        await connection.execute(RELEASE, held(leases))
        failpoint("release_before_commit")


def held(leases: list[Lease]) -> dict[str, object]:
    return {"ids": [lease.id for lease in leases], "tokens": [lease.token for lease in leases]}
