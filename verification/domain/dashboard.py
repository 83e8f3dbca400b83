"""An account at a glance: from tallies, counters and small tables, never from the checks themselves but the newest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db import connection

from accounts.models import Account, LicenseKey
from verification.domain.overview import UNDECIDED, UNENDED
from verification.engine.types import Blame, Result
from verification.models import Check, Job, JobStatus

DAYS = 30
PACE_DAYS = 7
MOST_JOBS = 5
MOST_CHECKS = 8
MOST_KEYS = 100
EXPIRES_SOON = timedelta(days=14)

# What is folded and what is not yet, in three sums of one reading: by day and verdict; by provider, verdict and whose
# fault; by key.
SUMS = """
SELECT GROUPING(day, provider, key_id), day, result, provider, blame, key_id,
       sum(count)::bigint, sum(charged)::bigint
FROM (
    SELECT day, result, provider, blame, key_id, count, charged FROM verification_dailytally
    WHERE coalesce(account_id, 0) = %(account_id)s AND day BETWEEN %(first)s AND %(last)s
    UNION ALL
    SELECT day, result, provider, blame, key_id, count, charged FROM verification_pendingtally
    WHERE account_id = %(account_id)s AND day BETWEEN %(first)s AND %(last)s
) AS counts
GROUP BY GROUPING SETS ((day, result), (provider, result, blame), (key_id))
"""
BY_DAY, BY_PROVIDER, BY_KEY = 0b011, 0b101, 0b110  # GROUPING's bits: the columns that are summed over


@dataclass(slots=True)
class ProviderShare:
    """Of a provider's addresses, how many stayed undecided, and by whose fault; "" stands for all others."""

    provider: str
    total: int = 0
    undecided: int = 0
    blames: dict[Blame, int] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        return 100 * self.undecided / self.total

    @property
    def blame(self) -> Blame:
        """Whose fault most of them are."""
        return max(self.blames, key=lambda blame: (self.blames[blame], blame), default=Blame.NONE)


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Verdicts by a key; None for these pages' own checks and lists."""

    key_id: int | None
    checks: int
    charged: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What an account had checked in the last DAYS."""

    days: list[date]
    counts: dict[Result, list[int]]
    providers: list[ProviderShare]  # those with most addresses first
    keys: list[KeyUse]  # those with most checks first
    charged_lately: int  # in the last PACE_DAYS

    @property
    def total(self) -> int:
        return sum(sum(counts) for counts in self.counts.values())

    def of(self, result: Result) -> int:
        return sum(self.counts[result])


def sums(*, account: Account, now: datetime) -> Sums:
    """Sum up the final verdicts of the last days, today (UTC) among them."""
    last = now.astimezone(UTC).date()
    days = [last - timedelta(days=number) for number in reversed(range(DAYS))]
    place = {day: number for number, day in enumerate(days)}
    counts = {result: [0] * DAYS for result in Result}
    providers: defaultdict[str, ProviderShare] = defaultdict(lambda: ProviderShare(""))
    uses: list[KeyUse] = []
    lately = 0
    with connection.cursor() as cursor:
        cursor.execute(SUMS, {"account_id": account.pk, "first": days[0], "last": last})
        for kind, day, result, provider, blame, key_id, count, charged in cursor.fetchall():
            if kind == BY_DAY:
                counts[Result(result)][place[day]] = count
                lately += charged if place[day] >= DAYS - PACE_DAYS else 0
            elif kind == BY_PROVIDER:
                share = providers[provider]
                share.provider = provider
                share.total += count
                if result in UNDECIDED:
                    share.undecided += count
                    share.blames[Blame(blame)] = share.blames.get(Blame(blame), 0) + count
            else:
                uses.append(KeyUse(key_id, count, charged))
    shares = sorted(providers.values(), key=lambda share: (-share.total, share.provider))
    return Sums(days, counts, shares, sorted(uses, key=lambda use: (-use.checks, use.key_id or 0)), lately)


def jobs_at_work(*, account: Account) -> list[Job]:
    """Give the newest jobs that have not ended; paused ones, too."""
    jobs = Job.objects.of(account).filter(status__in=[*UNENDED, JobStatus.READY, JobStatus.PAUSED])
    return list(jobs.newest_first().select_related("upload")[:MOST_JOBS])


def newest_checks(*, account: Account) -> list[Check]:
    """Give the newest single checks, with their verdicts."""
    checks = Check.objects.of(account).filter(job=None).select_related("verdict")
    return list(checks.order_by("-created_at", "-pk")[:MOST_CHECKS])


def keys_in_force(*, account: Account) -> list[LicenseKey]:
    return list(LicenseKey.objects.of(account).in_force().newest_first()[:MOST_KEYS])
