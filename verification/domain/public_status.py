"""How the product does, for everybody: nothing of any account, and no more work than one look in 30 s and process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from django.db import connection

from verification.domain import probe_state, queue_health

DAYS = 7
FEWEST_CHECKS = 100  # of a provider: fewer tell of single customers rather than of it
MOST_PROVIDERS = 30
FRESH_SECONDS = 30.0
LATE_SECONDS = 60.0  # due work that waits longer than this is late

# Of the tallies of all accounts together.
BY_PROVIDER = f"""
SELECT provider, sum(count)::bigint,
       coalesce(sum(count) FILTER (WHERE NOT is_ours AND result IN ('RetryLater', 'Unverifiable')), 0)::bigint,
       coalesce(sum(count) FILTER (WHERE is_ours), 0)::bigint
FROM verification_dailytally CROSS JOIN LATERAL (SELECT starts_with(blame, 'our_')) AS fault(is_ours)
WHERE coalesce(account_id, 0) = 0 AND day > (now() AT TIME ZONE 'UTC')::date - {DAYS}
GROUP BY provider HAVING sum(count) >= {FEWEST_CHECKS} ORDER BY 2 DESC LIMIT {MOST_PROVIDERS}
"""  # constants


@dataclass(frozen=True, slots=True)
class Share:
    """What of a provider's checks stayed undecided, and how many of them by our fault; `provider` "": all others."""

    provider: str
    checks: int
    undecided: int
    ours: int

    @property
    def percent(self) -> float:
        return 100 * (self.undecided + self.ours) / self.checks

    @property
    def percent_ours(self) -> float:
        return 100 * self.ours / self.checks

    @property
    def size(self) -> int:
        """Give the order of magnitude: how much exactly is nobody's business."""
        return int(10 ** (len(str(self.checks)) - 1))


@dataclass(frozen=True, slots=True)
class Status:
    """What was seen, and when by the monotonic clock."""

    shares: list[Share]
    oldest_seconds: float  # of what is due
    delay: str
    asks_servers: bool
    seen_at: float

    @property
    def is_late(self) -> bool:
        return self.oldest_seconds > LATE_SECONDS


_lock = threading.Lock()
_seen: list[Status] = []  # the last one


def look() -> Status:
    """Give what was seen in the last 30 s; of many who ask at once, one looks."""
    with _lock:
        if not _seen or time.monotonic() - _seen[0].seen_at > FRESH_SECONDS:
            _seen[:] = [_look()]
        return _seen[0]


def forget() -> None:
    with _lock:
        _seen.clear()


def _look() -> Status:
    with connection.cursor() as cursor:
        cursor.execute(BY_PROVIDER)
        shares = [Share(*row) for row in cursor.fetchall()]
    age = queue_health.queue_age()
    slowest = [due.words for due in age.due if due.batches]
    return Status(
        shares=shares,
        oldest_seconds=age.oldest_seconds,
        delay=slowest[-1] if slowest else "",
        asks_servers=not probe_state.is_dns_only(),
        seen_at=time.monotonic(),
    )
