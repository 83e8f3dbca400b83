"""Fills an account with many rows of everything that its pages show: copies of one row of each."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from django.db.models import Model

from accounts import models as accounts
from accounts.models import Account
from tests.benchmarks.admin_fill import BASE, Columns, copies, portions
from tests.portal.routes import World
from verification import models as verification
from verification.models import Job, JobStatus

Execute = Callable[[str, Any], Any]  # Any: SQL parameters; a cursor, which nobody reads
DIGEST = "sha256(('fill' || g)::bytea)"
PLACE = {  # of a check: whose fault it is, by its number
    "result": "(ARRAY['Ok','Ok','Ok','Ok','Ok','Ok','Bad','Bad','Unverifiable','RetryLater'])[g %% 10 + 1]",
    "reason": """(ARRAY['Success','Success','Success','Success','Success','Success','MailboxDoesNotExist',
        'DomainIsInexistent','ServerIsCatchAll','TransientNetworkFault'])[g %% 10 + 1]""",
    "blame": """(ARRAY['none','none','none','none','none','none','address','address','their_policy',
        'their_outage'])[g %% 10 + 1]""",
}
PROVIDER = "(ARRAY['', 'Google', 'Microsoft', 'Yahoo', 'GMX', 'Apple', 'Google'])[g %% 7 + 1]"
EVIDENCE = """jsonb_strip_nulls(jsonb_build_object('provider', nullif(%s, ''), 'mail_hosts', 'found',
'mail_hosts_detail', 'MX 10 mx.bulk.test', 'attempts', jsonb_build_array(jsonb_build_object('stage', 'rcpt', 'host',
'mx.bulk.test', 'address', '192.0.2.25', 'code', 250, 'enhanced', '2.1.5', 'text', 'ok', 'meaning', 'accepted',
'milliseconds', 31))))"""
COUNT_JOBS = """
UPDATE verification_job AS j SET total = c.total, decided = c.decided, undecided = c.undecided, refused = c.refused,
       duplicate = c.duplicate, waiting = c.total - c.decided - c.undecided - c.refused - c.duplicate
FROM (SELECT k.job_id, count(*) AS total, count(*) FILTER (WHERE r.result IN ('Ok', 'Bad')) AS decided,
             count(*) FILTER (WHERE r.result NOT IN ('Ok', 'Bad')) AS undecided,
             count(*) FILTER (WHERE k.classifier = 'DUPLICATE') AS duplicate,
             count(*) FILTER (WHERE k.classifier NOT IN ('', 'DUPLICATE')) AS refused
      FROM verification_check AS k LEFT JOIN verification_checkresult AS r ON r.check_row_id = k.id
      WHERE k.job_id IS NOT NULL GROUP BY k.job_id) AS c
WHERE j.id = c.job_id
"""
TALLY_JOBS = """
INSERT INTO verification_tally (job_id, result, reason, blame, provider, count)
SELECT job_id, result, reason, blame, coalesce(evidence ->> 'provider', ''), count(*) FROM verification_checkresult
WHERE job_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5
ON CONFLICT (job_id, result, reason, blame, provider) DO UPDATE SET count = excluded.count
"""


@dataclass(frozen=True)
class Sizes:
    """How many there are of each; `jobs`: rows of each, of which the last is at work."""

    jobs: tuple[int, ...] = (500_000, 200_000, 50_000, 20_000, *[10_000] * 7, *[1_000] * 40, 20_000)
    singles: int = 100_000
    suppressions: int = 100_000
    deliveries: int = 50_000
    ledger: int = 20_000
    others: int = 40  # of members, keys, domains, and other things with few rows
    starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", [0, *accumulate(self.jobs)])

    @property
    def checks(self) -> int:
        return self.starts[-1] + self.singles


def plans(sizes: Sizes, world: World) -> list[tuple[type[Model], int, Columns]]:
    """Say how many copies there shall be of each model's first row, and what differs in them; `g` counts from 1."""
    few, jobs = sizes.others, len(sizes.jobs)
    mine = {"account_id": str(world.account.pk)}
    numbered = {"id": f"{BASE} + g"}
    tally = PLACE | {"provider": PROVIDER, "count": "g %% 500 + 1", "charged": "g %% 500"}
    return [
        (accounts.User, few, numbered | {"email": "'member' || g || '@example.com'", "name": "'Member ' || g"}),
        (accounts.Membership, few, mine | {"user_id": f"{BASE} + g", "role": "'member'"}),
        (accounts.LicenseKey, few, mine | numbered | {"digest": DIGEST, "name": "'Key ' || g"}),
        (accounts.Invitation, few, mine | {"digest": DIGEST, "email": "'guest' || g || '@example.com'"}),
        (accounts.LedgerEntry, sizes.ledger, mine | {"reference": "'fill:' || g"}),
        (accounts.AuditEntry, sizes.ledger, mine),
        (verification.SendingDomain, few, mine | numbered | {"domain": "'news-' || g || '.example'"}),
        (verification.DomainCheck, 4 * few, {"domain_id": f"{BASE} + (g + 3) / 4", "kind": KIND_OF_DOMAIN_CHECK}),
        (verification.Erasure, few, mine | {"id": "gen_random_uuid()", "digest": DIGEST}),
        (verification.WebhookEndpoint, 5, mine | {"id": "md5('hook' || g)::uuid"}),
        (
            verification.Event,
            sizes.deliveries,
            mine | numbered | {"first_seq": "g + 1000", "last_seq": "g + 1000"},
        ),
        (
            verification.WebhookDelivery,
            sizes.deliveries,
            {"id": "gen_random_uuid()", "endpoint_id": "md5('hook' || g %% 5 + 1)::uuid", "event_id": f"{BASE} + g"}
            | {"state": "(ARRAY['delivered','delivered','failed'])[g %% 3 + 1]"},
        ),
        (verification.Suppression, sizes.suppressions, mine | {"mailbox": "'shy' || g || '@example.com'"}),
        (
            verification.DailyTally,
            90 * few,
            mine
            | tally
            | {"day": f"current_date - ((g - 1) / {few})::int", "key_id": f"{BASE} + (g - 1) %% {few} + 1"},
        ),
        (verification.Upload, jobs, mine | {"id": "md5('upload' || g)::uuid", "filename": "'list-' || g || '.csv'"}),
        (verification.Job, jobs, mine | _jobs(jobs)),
        (verification.Check, sizes.checks, mine | numbered | _checks(sizes)),
        (verification.CheckResult, sizes.checks, mine | _results(sizes)),
    ]


KIND_OF_DOMAIN_CHECK = "(ARRAY['proof','spf','dkim','dmarc'])[(g - 1) %% 4 + 1]"


def _jobs(count: int) -> Columns:
    return {
        "id": "md5('job' || g)::uuid",
        "upload_id": "md5('upload' || g)::uuid",
        "name": "'List ' || g",
        "status": f"CASE g WHEN {count} THEN '{JobStatus.RUNNING}' ELSE '{JobStatus.FINISHED}' END",
        "created_at": f"now() - ({count} - g) * interval '6 hours'",
        "started_at": f"now() - ({count} - g) * interval '6 hours' - interval '5 minutes'",
    }


def _checks(sizes: Sizes) -> Columns:
    single = f"g > {sizes.starts[-1]}"
    position = f"CASE WHEN {single} THEN 0 ELSE g - 1 - ({_array(sizes.starts)})[{_job_of(sizes)}] END"
    domain = "'bulk-' || g * 7919 %% 100000 || '.test'"
    return {
        "job_id": f"CASE WHEN {single} THEN NULL ELSE md5('job' || {_job_of(sizes)})::uuid END",
        "position": position,
        "address": f"substr(md5(g::text), 1, 6) || '.user' || g || '@' || {domain}",
        "domain": domain,
        "classifier": f"CASE WHEN {single} THEN '' WHEN g %% 50 = 8 THEN 'DUPLICATE' "
        "WHEN g %% 100 = 10 THEN 'INVALID_FORMAT' ELSE '' END",
        "duplicate_of": f"CASE WHEN NOT {single} AND g %% 50 = 8 THEN ({position}) - 1 END",
        "original": "ARRAY['Customer ' || g, 'Berlin']",
        "created_at": f"now() - ({sizes.checks} - g) * interval '2 s'",
    }


def _results(sizes: Sizes) -> Columns:
    return PLACE | {
        "check_row_id": f"{BASE} + g",
        "job_id": f"CASE WHEN g > {sizes.starts[-1]} THEN NULL ELSE md5('job' || {_job_of(sizes)})::uuid END",
        "evidence": EVIDENCE % PROVIDER,
        "checked_at": f"now() - ({sizes.checks} - g) * interval '2 s'",
    }


def _job_of(sizes: Sizes) -> str:
    return f"width_bucket(g - 1, {_array(sizes.starts)})"


def _array(numbers: list[int]) -> str:
    return f"ARRAY[{', '.join(map(str, numbers))}]::bigint[]"


def fill(execute: Execute, sizes: Sizes, world: World) -> float:
    """Bring the copies into the world's account; gives the seconds."""
    begun = time.monotonic()
    for model, count, columns in plans(sizes, world):
        for first, last in portions(count):
            execute(copies(model, columns), {"first": first, "last": last})
    without = "md5(%(job)s)::uuid"  # what was not taken, and the second half of what is at work, has no verdict
    execute(
        f"""DELETE FROM verification_checkresult AS r USING verification_check AS k
        WHERE k.id = r.check_row_id AND (k.classifier <> '' OR k.job_id = {without} AND k.position >= %(half)s)""",
        {"job": f"job{len(sizes.jobs)}", "half": sizes.jobs[-1] // 2},
    )
    execute(COUNT_JOBS, {})
    execute(TALLY_JOBS, {})
    return time.monotonic() - begun


def jobs_by_size(account: Account) -> list[Job]:
    """Give an account's lists, the longest first; and the one at work as the last."""
    made = Job.objects.of(account)
    ended = made.exclude(status=JobStatus.RUNNING).order_by("-total", "pk")
    return [*ended, made.filter(status=JobStatus.RUNNING).order_by("-total")[0]]
