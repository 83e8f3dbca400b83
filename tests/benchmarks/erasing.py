"""How long the blocks of an erasure and of a deletion take, and the whole, of one long list with its results.

    python -m tests.benchmarks.erasing [--rows 500000]

Fills an embedded Postgres of its own in a temporary folder; every row has three cells of its list, a result with the
evidence of one attempt, and a remembered mailbox.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import suppress

import psycopg

from tests.benchmarks.claims import product

DONE = object()
EVIDENCE = (
    '{"mail_hosts": "found", "mail_hosts_detail": "MX 10 mx.bulk-1.test", "attempts": [{"stage": "rcpt", '
    '"host": "mx.bulk-1.test", "address": "192.0.2.1", "source": "192.0.2.2", "code": 250, "enhanced": "2.1.5", '
    '"text": "2.1.5 recipient ok", "meaning": "accepted", "milliseconds": 12, "tls": "TLSv1.3"}]}'
)
FILL = (
    """
INSERT INTO verification_check (account_id, job_id, position, block, block_index, reference, address, domain,
                                classifier, original, created_at)
SELECT %(account)s, %(job)s, g, 0, 0, '', 'user' || g || '@bulk-' || g %% 10000 || '.test',
       'bulk-' || g %% 10000 || '.test', '',
       ARRAY['Person ' || g, 'user' || g || '@bulk-' || g %% 10000 || '.test', 'customer since 2019'],
       now() - interval '40 days'
FROM generate_series(0, %(rows)s - 1) AS g
""",
    """
INSERT INTO verification_checkresult (check_row_id, account_id, job_id, result, reason, blame, role, free, disposable,
                                      mail_server_location, duration, normalized, did_you_mean, evidence, final,
                                      charged, checked_at)
SELECT id, account_id, job_id, 'Ok', 'Success', 'none', false, false, false, 'DE', 12, address, '', %(evidence)s::jsonb,
       true, true, now() - interval '40 days'
FROM verification_check
""",
    """
INSERT INTO verification_knownmailbox (account_id, digest, check_row_id, checked_at)
SELECT account_id, sha256(address::bytea), id, created_at FROM verification_check
""",
    "ANALYZE",
)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=500_000)
    rows = options.parse_args().rows
    with product() as url, psycopg.connect(url, autocommit=True) as connection:
        begun = time.monotonic()
        fill(connection, rows)
        print(f"filled with {rows:,} rows in {time.monotonic() - begun:.0f} s", flush=True)
        erase(rows // 2)
        delete(rows)


def fill(connection: psycopg.Connection, rows: int) -> None:
    from django.db.models.functions import Now

    from accounts.models import Account
    from verification.models import Job, JobStatus

    account = Account.objects.create(name="Account", slug="account")
    job = Job.objects.create(
        account=account, source="upload", status=JobStatus.FINISHED, total=rows, decided=rows, columns=["a", "b", "c"]
    )
    Job.objects.update(created_at=Now(), finished_at=Now())
    connection.execute("SET session_replication_role = replica")  # no look at each key
    for statement in FILL:
        connection.execute(statement, {"account": account.pk, "job": job.pk, "rows": rows, "evidence": EVIDENCE})


def erase(number: int) -> None:
    """Erase one person of the middle of the list."""
    from accounts.models import Account
    from verification.domain import erasures
    from verification.models import Erasure

    email = f"user{number}@bulk-{number % 10_000}.test"
    erasures.ask(account=Account.objects.get(), email=email, actor=None)
    steps = erasures.proceed()
    tell("erasing one address: blocks of 5,000 rows", measure(lambda: next(steps, DONE) is not DONE))
    print({name: getattr(Erasure.objects.get(), name) for name in ("checks", "results", "memories")})


def measure(step: Callable[[], bool]) -> list[float]:
    """Give the seconds of each step until there is none left."""
    seconds = []
    while True:
        begun = time.perf_counter()
        goes_on = step()
        seconds.append(time.perf_counter() - begun)
        if not goes_on:
            return seconds


def delete(rows: int) -> None:
    """Delete the list, as when its days are over."""
    from datetime import timedelta

    from django.db.models.functions import Now

    from verification.domain import retention
    from verification.models import Check, Job

    Job.objects.update(finished_at=Now() - timedelta(days=31))
    assert retention.delete_old_jobs() == 1
    seconds = measure(retention.delete_block)
    tell("deleting the list: blocks of 5,000 rows", seconds)
    print(f"{rows / sum(seconds):,.0f} rows a second, {Check.objects.count()} left")


def tell(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p50, p95 = (1_000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.95))
    print(f"{name}: {len(seconds)}, p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {1_000 * ordered[-1]:.0f} ms", end="")
    print(f", all {sum(seconds):.1f} s", flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
