"""The free sample of a list that is held: some of its addresses by lot, asked before anything is spent.

It is a batch of its own, beside those that wait for the start.  Its verdicts are the list's: those rows are not asked
again, and stay free.  Bounded, as it costs us and not the account: once a list, at most half of it, some a day.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from django.db import connection, transaction
from django.db.models.functions import Now

from accounts.models import Account
from verification.domain import bells
from verification.domain.held import HELD_UNTIL
from verification.domain.intake import AccountInactive
from verification.engine.types import Result
from verification.models import Batch, Job, JobStatus, Sample

SAMPLE_ROWS = 100
SAMPLES_A_DAY = 5  # of an account
Z = 1.959964  # of the normal distribution, for 95 %

SIZES = "SELECT id, cardinality(check_ids) FROM verification_batch WHERE job_id = %s ORDER BY id"
PICK = """
SELECT b.check_ids[picked.place] FROM unnest(%(batches)s::bigint[], %(places)s::int[]) AS picked(batch, place)
JOIN verification_batch b ON b.id = picked.batch ORDER BY picked.batch, picked.place
"""

# Whether its first round goes on, and the list's verdicts.
FOUND = f"""
SELECT EXISTS (
    SELECT FROM verification_batch WHERE job_id = %(job)s AND due_at < '{HELD_UNTIL}' AND tries = 0
), t.result, coalesce(sum(t.count), 0)
FROM (VALUES (1)) AS one LEFT JOIN verification_tally t ON t.job_id = %(job)s GROUP BY t.result
"""  # a constant


class SampleRefused(Exception):
    """No sample can be taken; the words are for the account's people."""


@dataclass(frozen=True, slots=True)
class Part:
    """How many of a sample came out like this, and between which shares that is of the whole, by 95 %."""

    result: Result
    count: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Findings:
    """What a sample says of its list.  `answered`: of its `rows`; `whole`: addresses of the list."""

    rows: int
    answered: int
    whole: int
    is_asking: bool
    parts: list[Part]

    @property
    def open(self) -> int:
        return self.rows - self.answered


def size(job: Job) -> int:
    """Tell how many addresses a sample of a list has."""
    return min(SAMPLE_ROWS, job.waiting // 2)


@transaction.atomic
def take(*, job: Job) -> None:
    """Have a sample of a list asked.  Does nothing when that was done.  Raises SampleRefused, AccountInactive."""
    account = Account.objects.select_for_update(no_key=True).get(pk=job.account_id)
    found = Job.objects.select_for_update(no_key=True).filter(pk=job.pk, deleted_at=None).first()
    if found is None or found.status != JobStatus.READY:
        raise SampleRefused("This list does not wait to be started.")
    if found.sample_rows:
        return
    if not account.is_active:
        raise AccountInactive
    rows = size(found)
    if not rows:
        raise SampleRefused("This list is too short for a sample.")
    if Sample.objects.filter(account=account, taken_at__gt=Now() - timedelta(days=1)).count() >= SAMPLES_A_DAY:
        raise SampleRefused(f"{SAMPLES_A_DAY} samples were taken within a day. Another can be taken tomorrow.")
    Sample.objects.create(account=account, rows=rows)
    Batch.objects.create(job=found, account=account, check_ids=by_lot(found, rows), due_at=Now())
    found.sample_rows = rows
    found.save(update_fields=["sample_rows"])
    bells.ring()


def by_lot(job: Job, rows: int) -> list[int]:
    """Give so many checks of a list's batches by lot, each as likely as any other, in their order."""
    with connection.cursor() as cursor:
        cursor.execute(SIZES, [job.pk])
        batches, sizes = zip(*cursor.fetchall(), strict=True)
        ends = list(accumulate(sizes))
        picked = sorted(random.SystemRandom().sample(range(ends[-1]), min(rows, ends[-1])))
        numbers = [bisect_right(ends, rank) for rank in picked]
        places = [rank - ends[n] + sizes[n] + 1 for rank, n in zip(picked, numbers, strict=True)]
        cursor.execute(PICK, {"batches": [batches[n] for n in numbers], "places": places})
        return [check_id for (check_id,) in cursor.fetchall()]


def findings(*, job: Job, malformed: int) -> Findings:
    """Say what the sample of a list that is held has found.  `malformed`: rows of it that are no addresses."""
    with connection.cursor() as cursor:
        cursor.execute(FOUND, {"job": job.pk})
        rows = cursor.fetchall()
    counts = {result: int(count) for _, result, count in rows}
    counts[Result.BAD] = counts.get(Result.BAD, 0) - malformed
    answered, is_asking = job.decided + job.undecided, rows[0][0]
    parts = [part(result, counts.get(result, 0), job.sample_rows) for result in Result]
    return Findings(job.sample_rows, answered, job.waiting + answered, is_asking, parts)


def part(result: Result, count: int, rows: int) -> Part:
    low, high = wilson(count, rows)
    return Part(result, count, count / rows, low, high)


def wilson(count: int, rows: int) -> tuple[float, float]:
    """Give the interval of a share by Wilson's score, for 95 %."""
    share, square = count / rows, Z * Z / rows
    middle = (share + square / 2) / (1 + square)
    reach = Z / (1 + square) * math.sqrt(share * (1 - share) / rows + square / (4 * rows))
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def forget() -> None:
    """Delete what was counted for a day that is over."""
    Sample.objects.filter(taken_at__lt=Now() - timedelta(days=2)).delete()
