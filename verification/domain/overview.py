"""What staff see at a glance, of all accounts: from tallies and small tables, never from results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, OuterRef, QuerySet, Subquery

from accounts.models import Account, QuotaPeriod
from verification.domain.silence import AT_WORK
from verification.engine.types import Result
from verification.models import Job, JobStatus

UNENDED = [JobStatus.PARSING, JobStatus.RUNNING]
UNDECIDED = (Result.RETRY_LATER, Result.UNVERIFIABLE)
MOST_DAYS = 90
PROVIDERS = TOP = MOST_STUCK = 10
STUCK_MINUTES = 10

# The rows without account are the sums of all accounts.  Written so that the index of tallies answers.
BY_DAY = """
SELECT day, result, sum(count)::bigint FROM verification_dailytally
WHERE coalesce(account_id, 0) = 0 AND day BETWEEN %(start)s AND %(end)s GROUP BY day, result
"""
BY_PROVIDER = """
SELECT provider, sum(count)::bigint AS total,
       coalesce(sum(count) FILTER (WHERE result = ANY(%(undecided)s)), 0)::bigint
FROM verification_dailytally
WHERE coalesce(account_id, 0) = 0 AND day BETWEEN %(start)s AND %(end)s
GROUP BY provider ORDER BY total DESC, provider LIMIT %(limit)s
"""

# Something is due for long, yet nobody holds a lease of the job and nothing new stands in its feed.
STUCK = f"""
SELECT j.id, coalesce(nullif(j.name, ''), nullif(j.reference_job, ''), left(j.id::text, 8)), a.name, due.since, moved.at
FROM verification_job j
JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
CROSS JOIN LATERAL (
    SELECT b.due_at AS since FROM verification_batch b
    WHERE b.job_id = j.id AND b.token IS NULL AND b.due_at < now() - make_interval(mins => %(minutes)s)
    ORDER BY b.due_at, b.id LIMIT 1
) AS due
LEFT JOIN LATERAL (
    SELECT e.created_at AS at FROM verification_event e WHERE e.job_id = j.id ORDER BY e.last_seq DESC LIMIT 1
) AS moved ON true
WHERE {AT_WORK}
    AND (moved.at IS NULL OR moved.at < now() - make_interval(mins => %(minutes)s))
    AND NOT EXISTS (
        SELECT 1 FROM verification_batch b WHERE b.job_id = j.id AND b.token IS NOT NULL AND b.lease_until > now()
    )
ORDER BY due.since, j.id LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Days:
    """Counts of each result for each day, the days without any among them."""

    days: list[date]
    counts: dict[Result, list[int]]

    def total(self, number: int) -> int:
        """Give the checks of one of the days."""
        return sum(counts[number] for counts in self.counts.values())

    def undecided(self, number: int) -> int:
        """Give how many checks of one of the days stayed undecided."""
        return sum(self.counts[result][number] for result in UNDECIDED)


@dataclass(frozen=True, slots=True)
class Share:
    """Of a provider's addresses, how many stayed undecided; "" stands for all others."""

    provider: str
    total: int
    undecided: int


@dataclass(frozen=True, slots=True)
class Heavy:
    """An account that used much in its present period."""

    account: Account
    used: int
    granted: int


@dataclass(frozen=True, slots=True)
class Stuck:
    """A job that does not move though work of it is due since `since`; `moved_at` is None when it never did."""

    job_id: UUID
    name: str
    account: str
    since: datetime
    moved_at: datetime | None


def with_jobs(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Add when an account's newest job came, and how many are unended."""
    jobs = Job.objects.filter(account=OuterRef("pk"))
    unended = jobs.filter(status__in=UNENDED).order_by().values("account").annotate(number=Count("pk"))
    return accounts.annotate(
        last_job_at=Subquery(jobs.order_by("-created_at").values("created_at")[:1]),
        jobs_running=Subquery(unended.values("number")[:1]),
    )


def checks_by_day(*, days: int, now: datetime) -> Days:
    """Count the final verdicts of the last days, today (UTC) among them, as far as they are summed up."""
    span = _span(days, now)
    with connection.cursor() as cursor:
        cursor.execute(BY_DAY, span)
        found = {(day, result): total for day, result, total in cursor.fetchall()}
    every = [span["start"] + timedelta(days=n) for n in range((span["end"] - span["start"]).days + 1)]
    return Days(every, {result: [found.get((day, result.value), 0) for day in every] for result in Result})


def undecided_by_provider(*, days: int, now: datetime) -> list[Share]:
    """Give the providers with most addresses, and how many of these stayed undecided."""
    with connection.cursor() as cursor:
        cursor.execute(BY_PROVIDER, {**_span(days, now), "undecided": [*UNDECIDED], "limit": PROVIDERS})
        return [Share(*row) for row in cursor.fetchall()]


def top_accounts() -> list[Heavy]:
    """Give the accounts that used most in their present period."""
    periods = QuotaPeriod.objects.current().filter(used__gt=0).order_by("-used", "pk")
    top = list(periods.values_list("account", "used", "granted")[:TOP])
    named = Account.objects.in_bulk([account_id for account_id, *_ in top])
    return [Heavy(named[account_id], used, granted) for account_id, used, granted in top]


def jobs_unended() -> int:
    """Count the jobs that are worked on, or whose list is read."""
    return Job.objects.filter(status__in=UNENDED).count()


def stuck_jobs() -> list[Stuck]:
    """Give jobs that have not moved for STUCK_MINUTES though work of them is due, the oldest MOST_STUCK."""
    with connection.cursor() as cursor:
        cursor.execute(STUCK, {"minutes": STUCK_MINUTES, "limit": MOST_STUCK})
        return [Stuck(*row) for row in cursor.fetchall()]


def _span(days: int, now: datetime) -> dict[str, date]:
    today = now.astimezone(UTC).date()
    return {"start": today - timedelta(days=max(1, min(days, MOST_DAYS)) - 1), "end": today}
