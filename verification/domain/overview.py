"""What staff see at a glance, of all accounts: from tallies and small tables, never from results."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from accounts.models import Account, QuotaPeriod
from verification.engine.types import Result
from verification.models import DailyTally, Job, JobStatus

UNENDED = [JobStatus.PARSING, JobStatus.RUNNING]
UNDECIDED = [Result.RETRY_LATER.value, Result.UNVERIFIABLE.value]
MOST_DAYS = 90
PROVIDERS = 12
TOP = 10


@dataclass(frozen=True, slots=True)
class Days:
    """Counts of each verdict for each day, the days without any among them."""

    days: list[date]
    counts: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class Share:
    """Of a provider's addresses, how many stayed undecided."""

    provider: str
    total: int
    undecided: int


@dataclass(frozen=True, slots=True)
class Heavy:
    """An account that used much in its present period."""

    account_id: int
    name: str
    used: int
    granted: int


def with_jobs(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Add when an account's newest job came, and how many are unended."""
    jobs = Job.objects.filter(account=OuterRef("pk"))
    unended = jobs.filter(status__in=UNENDED).order_by().values("account").annotate(number=Count("pk"))
    return accounts.annotate(
        last_job_at=Subquery(jobs.order_by("-created_at").values("created_at")[:1]),
        jobs_running=Subquery(unended.values("number")[:1]),
    )


def clamped(days: int) -> int:
    """Give a number of days that is answered: at least 1, at most MOST_DAYS."""
    return max(1, min(days, MOST_DAYS))


def checks_by_day(*, days: int, now: datetime) -> Days:
    """Count the final verdicts of the last days, today (UTC) among them."""
    start, number = _since(days, now)
    rows = DailyTally.objects.filter(account=None, day__gte=start).values_list("day", "result").annotate(Sum("count"))
    found = {(day, result): total for day, result, total in rows}
    every = [start + timedelta(days=n) for n in range(number)]
    return Days(every, {result.value: [found.get((day, result.value), 0) for day in every] for result in Result})


def undecided_by_provider(*, days: int, now: datetime) -> list[Share]:
    """Give the providers with most addresses, and how many of these stayed undecided; "" is all the others."""
    start, _ = _since(days, now)
    undecided = Sum("count", filter=Q(result__in=UNDECIDED), default=0)
    rows = DailyTally.objects.filter(account=None, day__gte=start).values_list("provider")
    sums = rows.annotate(total=Sum("count"), undecided=undecided).order_by("-total", "provider")
    return [Share(*row) for row in sums[:PROVIDERS]]


def top_accounts() -> list[Heavy]:
    """Give the accounts that used most in their present period."""
    periods = QuotaPeriod.objects.current().filter(used__gt=0).order_by("-used", "pk")
    return [Heavy(*row) for row in periods.values_list("account_id", "account__name", "used", "granted")[:TOP]]


def _since(days: int, now: datetime) -> tuple[date, int]:
    number = clamped(days)
    return now.astimezone(UTC).date() - timedelta(days=number - 1), number
