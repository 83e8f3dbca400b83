"""Fills a database with many rows of everything that the admin shows: copies of one row of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
from django.contrib.admin.models import LogEntry
from django.db.models import Model
from django_q.models import Task

from accounts import models as accounts
from verification import models as verification

BASE = 100_000_000  # above what sequences have given, in a database that tests have used before, too
JOB_ROWS, RUNNING, PORTION = 200, 200, 500_000
ACCOUNT = f"{BASE + 1} + (g - 1) %% %(accounts)s"
JOB = f"md5('job' || (g - 1) / {JOB_ROWS})::uuid"
RUNNING_JOB = f"md5('running' || g %% {RUNNING})::uuid"
DIGEST = "sha256(('fill' || g)::bytea)"
OWN = {"id": f"{BASE} + g"}
OF_ACCOUNT = {"account_id": ACCOUNT}
EVIDENCE = """{"mail_hosts": "found", "mail_hosts_detail": "MX 10 mx.bulk.test", "attempts": [{"stage": "rcpt",
"host": "mx.bulk.test", "address": "192.0.2.25", "code": 250, "enhanced": "2.1.5", "text": "ok", "meaning": "accepted",
"milliseconds": 31}]}"""
RESULT = """(ARRAY['Ok','Ok','Ok','Ok','Ok','Ok','Bad','Bad','Unverifiable','RetryLater'])[g %% 10 + 1]"""
REASON = f"""CASE {RESULT} WHEN 'Ok' THEN 'Success' WHEN 'Bad' THEN 'MailboxDoesNotExist'
WHEN 'RetryLater' THEN 'TransientNetworkFault' ELSE 'GreyListing' END"""
VERDICT = {"result": RESULT, "reason": REASON}
MONTH = "(date_trunc('month', now()) - (g - 1) / %(accounts)s * interval '1 month')"

Columns = dict[str, str]


@dataclass(frozen=True)
class Sizes:
    accounts: int
    checks: int

    @property
    def jobs(self) -> int:
        return self.checks // JOB_ROWS


def plans(sizes: Sizes) -> list[tuple[type[Model], int, Columns]]:
    """Say how many copies there shall be of each model's row, and what differs in them; `g` counts them from 1."""
    a, jobs = sizes.accounts, sizes.jobs
    mail = {"email": "'customer' || g || '@example.com'"}
    return [
        (accounts.User, a, OWN | mail | {"name": "'Person ' || g", "is_staff": "false", "is_superuser": "false"}),
        (accounts.Account, a, OWN | {"name": "'Account ' || g", "slug": "'account-no-' || g"} | SOMETIMES_SUSPENDED),
        (accounts.Membership, a, OWN | OF_ACCOUNT | {"user_id": f"{BASE} + g"}),
        (accounts.AccountConfig, a, OWN | OF_ACCOUNT),
        (accounts.Credit, a, OWN | OF_ACCOUNT),
        (
            accounts.QuotaPeriod,
            12 * a,
            OWN
            | OF_ACCOUNT
            | {"starts_on": f"{MONTH}::date", "ends_on": f"({MONTH} + interval '1 month')::date"}
            | {"granted": "1000", "used": "g * 7919 %% 1000", "reserved": "0"},
        ),
        (
            accounts.LicenseKey,
            2 * a,
            OWN
            | OF_ACCOUNT
            | {"digest": DIGEST, "prefix": "'evp_live_' || substr(md5(g::text), 1, 8)", "name": "'Key ' || g"}
            | {"last_used_at": "now() - g * interval '1 second'"},
        ),
        (accounts.LedgerEntry, 20 * a, OF_ACCOUNT | {"reference": "'fill:' || g"} | SELDOM_GRANTED),
        (accounts.AuditEntry, 5 * a, OF_ACCOUNT | {"object_id": ACCOUNT}),
        (accounts.Reservation, a, OF_ACCOUNT | {"reference": "'fill:' || g", "period_id": f"{BASE} + g"}),
        (accounts.Invitation, a // 5, OF_ACCOUNT | {"digest": DIGEST, "email": "'guest' || g || '@example.com'"}),
        (accounts.FeatureRequest, a // 20, OF_ACCOUNT),
        (LogEntry, a, {"object_id": ACCOUNT}),
        (verification.Upload, jobs, OF_ACCOUNT | {"id": "gen_random_uuid()", "filename": "'list-' || g || '.csv'"}),
        (verification.Job, jobs, _job("'job' || g - 1", "finished")),
        (verification.Job, RUNNING, _job("'running' || g - 1", "running")),
        (verification.Tally, jobs, {"job_id": "md5('job' || g - 1)::uuid", "reason": REASON, "result": RESULT}),
        (
            verification.Event,
            4 * jobs,
            OF_ACCOUNT | {"job_id": "md5('job' || (g - 1) / 4)::uuid", "last_seq": "g", "first_seq": "g"},
        ),
        (
            verification.Batch,
            40 * RUNNING,
            OF_ACCOUNT
            | {"job_id": RUNNING_JOB, "due_at": "now() - g * interval '1 second'"}
            | {"check_ids": f"ARRAY(SELECT generate_series(g * 250::bigint + {BASE}, g * 250 + {BASE + 249}))"},
        ),
        (
            verification.Check,
            sizes.checks,
            OWN
            | OF_JOB
            | {"position": f"(g - 1) %% {JOB_ROWS}", "domain": "'bulk-' || g %% 100000 || '.test'"}
            | {
                "address": "'user' || g || '@bulk-' || g %% 100000 || '.test'",
                "created_at": "now() - g * interval '9 ms'",
            },
        ),
        (
            verification.CheckResult,
            sizes.checks,
            OF_JOB | VERDICT | {"check_row_id": f"{BASE} + g", "evidence": f"'{EVIDENCE}'::jsonb"},
        ),
        (verification.KnownMailbox, 10 * a, OF_ACCOUNT | {"digest": DIGEST, "check_row_id": f"{BASE} + g"}),
        (verification.DomainFact, 2 * a, {"domain": "'bulk-' || g || '.test'"}),
        (verification.Organisation, a // 2, {"name": "'bulk-' || g || '.test'"} | SOMETIMES_HELD),
        (
            verification.PacingGrant,
            RUNNING,
            {"organisation_id": "'bulk-' || g || '.test'", "until": "now() + interval '1 day'"},
        ),
        (verification.DoNotProbe, a // 20, {"name": "'shy-' || g || '.test'"}),
        (verification.DailyTally, 10 * a, OF_ACCOUNT | {"day": "current_date - ((g - 1) / %(accounts)s)::int"}),
        (  # of all accounts, for 90 days
            verification.DailyTally,
            90 * 600,
            {"result": RESULT, "reason": "'Reason ' || g %% 10"}
            | {"account_id": "NULL", "key_id": "NULL", "day": "current_date - ((g - 1) / 600)::int"}
            | {"provider": "'Provider ' || g %% 600 / 10", "count": "g %% 500"},
        ),
        (Task, RUNNING, {"id": "md5(g::text)"}),
    ]


OF_JOB = {"account_id": f"{BASE + 1} + (g - 1) / {JOB_ROWS} %% %(accounts)s", "job_id": JOB}
SOMETIMES_SUSPENDED = {"status": "CASE WHEN g %% 50 = 0 THEN 'suspended' ELSE 'active' END"}
SELDOM_GRANTED = {"kind": "CASE WHEN g %% 50 = 0 THEN 'grant' ELSE 'settle' END"}
SOMETIMES_HELD = {"backoff_until": "CASE WHEN g %% 100 = 0 THEN now() + interval '1 day' END"}


def _job(number: str, status: str) -> Columns:
    return OF_ACCOUNT | {
        "id": f"md5({number})::uuid",
        "upload_id": "NULL",
        "status": f"'{status}'",
        "name": f"{number} || ''",
        "created_at": "now() - g * interval '40 s'",
    }


def fill(connection: psycopg.Connection, sizes: Sizes) -> float:
    """Bring the copies; gives the seconds.  Foreign keys are not looked at, and nothing waits for the disk."""
    begun = time.monotonic()
    connection.execute("SET synchronous_commit = off; SET session_replication_role = replica; SET work_mem = '64MB'")
    for model, count, columns in plans(sizes):
        for first, last in portions(count):
            connection.execute(copies(model, columns), {"first": first, "last": last, "accounts": sizes.accounts})
    connection.execute("RESET synchronous_commit; RESET session_replication_role; RESET work_mem")
    connection.execute("VACUUM (ANALYZE)")
    return time.monotonic() - begun


def portions(count: int) -> Iterator[tuple[int, int]]:
    for first in range(1, count + 1, PORTION):
        yield first, min(first + PORTION - 1, count)


def copies(model: type[Model], columns: Columns) -> Any:  # Any: psycopg's literal SQL
    """Give the statement that copies the first row of a model; what is not in `columns` is as in that row."""
    meta = model._meta
    fields = [field.column for field in meta.concrete_fields if not field.primary_key or field.column in columns]
    assert columns.keys() <= set(fields), model
    given = ", ".join(f"({columns[name]})" if name in columns else f't."{name}"' for name in fields)
    names = ", ".join(f'"{name}"' for name in fields)
    one = f'SELECT * FROM "{meta.db_table}" ORDER BY "{meta.pk.column}" LIMIT 1'
    return f"""INSERT INTO "{meta.db_table}" ({names}) SELECT {given}
    FROM generate_series(%(first)s::bigint, %(last)s) AS g, LATERAL ({one}) AS t"""
