"""How long a claim takes beside a history of ten million checks, while batches come and go.

    python -m tests.benchmarks.claims [--checks 10000000] [--churn 100000] [--claims 5000]

Fills an embedded Postgres of its own in a temporary folder (some 2.5 GB for ten million checks, gone at the end), works
100,000 batches off so that the table has its share of dead rows, then measures claims of two drains beside whoever
brings new batches.  A claim is measured as a drain makes it: statement and commit, on a disk that is waited for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from portal.postgres import Postgres

ACCOUNTS, JOBS, ENDED_JOBS = 20, 4, 40  # each account has that many jobs that run, and that have ended
BATCH = 250
BACKLOG = 8_000  # batches that wait: lists of two million rows in all
AT_ONCE = 4  # batches a claim

FILL_CHECKS = """
INSERT INTO verification_check (account_id, job_id, position, block, block_index, reference, address, domain,
                                classifier, created_at)
SELECT j.account_id, j.id, g / %(jobs)s, 0, 0, '', 'user' || g || '@bulk-' || g %% 100000 || '.test',
       'bulk-' || g %% 100000 || '.test', '', now() - interval '30 days'
FROM generate_series(%(first)s::bigint, %(last)s - 1) AS g
JOIN (SELECT id, account_id, row_number() OVER (ORDER BY id) - 1 AS n FROM verification_job) AS j ON j.n = g %% %(jobs)s
"""
BRING = """
INSERT INTO verification_batch (job_id, account_id, check_ids, due_at, attempts, alone, tries, flushes, sender)
SELECT j.id, j.account_id, ARRAY(SELECT generate_series(g * %(size)s, g * %(size)s + %(size)s - 1)), now(), 0, false,
       0, 0, ''
FROM generate_series(1, %(batches)s) AS g
JOIN (SELECT id, account_id, row_number() OVER (ORDER BY id) AS n FROM verification_job WHERE status = 'running') AS j
    ON j.n = g %% %(jobs)s + 1
"""
COUNT_FLUSHES = "UPDATE verification_batch SET flushes = flushes + 1 WHERE id = ANY(%s)"
LET_GO = "DELETE FROM verification_batch WHERE id = ANY(%s)"
POSTPONE = """
UPDATE verification_batch SET token = NULL, lease_until = NULL, tries = tries + 1, due_at = now() + interval '5 minutes'
WHERE id = ANY(%s)
"""
SIZES = """
SELECT relname, pg_size_pretty(pg_total_relation_size(relid)), n_live_tup, n_dead_tup, autovacuum_count
FROM pg_stat_user_tables WHERE relname IN ('verification_check', 'verification_batch') ORDER BY relname
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--checks", type=int, default=10_000_000)
    options.add_argument("--churn", type=int, default=100_000)
    options.add_argument("--claims", type=int, default=5_000)
    chosen = options.parse_args()
    with product() as url, psycopg.connect(url, autocommit=True) as connection:
        print(f"filled with {chosen.checks:,} checks in {fill(connection, chosen.checks):.0f} s", flush=True)
        begun = time.monotonic()
        churned = asyncio.run(work(connection, chosen.churn // 100, at_once=100))
        print(f"{len(churned) * 100:,} batches worked off in {time.monotonic() - begun:.0f} s", flush=True)
        tell("claims of 100 batches", churned)
        seconds = asyncio.run(work(connection, chosen.claims, at_once=AT_ONCE))
        tell(f"claims of {AT_ONCE} batches", seconds)
        tell_sizes(connection)
        print("\n".join(plan(connection)))


@contextmanager
def product() -> Iterator[str]:
    """Give the database of an empty product; Django is set up for it."""
    with tempfile.TemporaryDirectory(prefix="portal-claims-") as folder:
        os.chmod(folder, 0o711)  # the server runs as another user
        postgres = Postgres(Path(folder) / "data")
        try:
            url = postgres.use()
            os.environ |= {"DATABASE_URL": url, "PORTAL_DATA": folder, "DJANGO_SETTINGS_MODULE": "portal.settings"}
            os.environ.setdefault("SECRET_KEY", "of-a-benchmark" * 4)
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            yield url
        finally:
            postgres.leave()


def fill(connection: psycopg.Connection, checks: int) -> float:
    """Bring accounts, jobs that run and that have ended, and a history of checks; gives the seconds."""
    from accounts.models import Account
    from verification.models import Job, JobStatus

    begun = time.monotonic()
    accounts = [Account.objects.create(name=f"Account {n}", slug=f"account-{n}") for n in range(ACCOUNTS)]
    for status, count in ((JobStatus.RUNNING, JOBS), (JobStatus.FINISHED, ENDED_JOBS)):
        Job.objects.bulk_create(
            Job(account=account, source="upload", status=status) for account in accounts for _ in range(count)
        )
    connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")  # no look at each key
    jobs, step = ACCOUNTS * (JOBS + ENDED_JOBS), 1_000_000
    for first in range(0, checks, step):
        span = {"first": first, "last": min(first + step, checks), "jobs": jobs}
        connection.execute(FILL_CHECKS, span)
    connection.execute("RESET synchronous_commit; RESET session_replication_role; ANALYZE verification_check")
    bring(connection, BACKLOG)
    connection.execute("ANALYZE verification_batch")
    return time.monotonic() - begun


def bring(connection: psycopg.Connection, batches: int) -> None:
    connection.execute(BRING, {"batches": batches, "size": BATCH, "jobs": ACCOUNTS * JOBS})


async def work(connection: psycopg.Connection, claims_in_all: int, *, at_once: int) -> list[float]:
    """Let two drains claim and let go, while the backlog is kept up; gives the seconds of each claim."""
    from psycopg import AsyncConnection

    from verification.domain.claims import claim
    from verification.domain.database import connection_kwargs

    seconds: list[float] = []
    gone = 0

    async def drain() -> None:
        nonlocal gone
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            while len(seconds) < claims_in_all:
                begun = time.monotonic()
                leases = await claim(own, limit=at_once)
                seconds.append(time.monotonic() - begun)
                ids = [lease.id for lease in leases]
                await own.execute(COUNT_FLUSHES, [ids])
                await own.execute(POSTPONE, [ids[: at_once // 10]])
                await own.execute(LET_GO, [ids[at_once // 10 :]])
                gone += len(ids)

    async def keep_up() -> None:
        nonlocal gone
        while len(seconds) < claims_in_all:
            if gone >= 1_000:
                bring(connection, 1_000)
                gone -= 1_000
            await asyncio.sleep(0.01)

    await asyncio.gather(drain(), drain(), keep_up())
    return seconds


def tell(name: str, seconds: list[float]) -> None:
    ranked = sorted(seconds)
    shares = ((50, "p50"), (95, "p95"), (99, "p99"))
    told = "".join(f"  {label} {ranked[len(ranked) * share // 100] * 1000:6.2f} ms" for share, label in shares)
    print(f"{name:24}{told}  worst {ranked[-1] * 1000:.1f} ms, {len(ranked):,} claims", flush=True)


def tell_sizes(connection: psycopg.Connection) -> None:
    for name, size, live, dead, vacuums in connection.execute(SIZES):
        print(f"{name:24}{size:>10}, {live:,} rows, {dead:,} dead, autovacuum came {vacuums} times", flush=True)


def plan(connection: psycopg.Connection) -> list[str]:
    """Give the plan of a claim; what it claimed is given back."""
    from verification.domain.claims import CLAIM, LEASE_SECONDS

    values = {"limit": AT_ONCE, "suspects": False, "but": [], "lease": LEASE_SECONDS}
    with connection.transaction(force_rollback=True):
        return [row[0] for row in connection.execute(f"EXPLAIN (ANALYZE, BUFFERS) {CLAIM}", values)]


if __name__ == "__main__":
    main()
