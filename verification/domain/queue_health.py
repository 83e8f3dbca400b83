"""Is the work being done?  Read from rows: what is due and how long, who holds leases, who asks mail servers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min
from django_q.models import OrmQ

from verification.models import Job, JobStatus

# Batches that wait: due ones by how long, of jobs that run in accounts that are active.
AGES = """
SELECT CASE WHEN age < 10 THEN 0 WHEN age < 60 THEN 1 WHEN age < 600 THEN 2 WHEN age < 3600 THEN 3 ELSE 4 END AS class,
       count(*), sum(size)::bigint, max(age)::float
FROM (
    SELECT extract(epoch FROM now() - b.due_at) AS age, cardinality(b.check_ids) AS size
    FROM verification_batch b
    JOIN verification_job j ON j.id = b.job_id AND j.status = 'running'
    JOIN accounts_account a ON a.id = b.account_id AND a.status = 'active'
    WHERE b.token IS NULL AND b.due_at <= now()
) AS due GROUP BY class
"""
AGE_WORDS = ("under 10 s", "10 s to 1 min", "1 to 10 min", "10 min to 1 h", "over 1 h")

BATCHES = """
SELECT count(*) FILTER (WHERE token IS NULL AND due_at > now()),
       count(*) FILTER (WHERE token IS NOT NULL AND lease_until > now()),
       count(*) FILTER (WHERE token IS NOT NULL AND lease_until <= now()),
       count(*) FILTER (WHERE alone OR attempts > 0),
       min(due_at) FILTER (WHERE token IS NULL AND due_at > now())
FROM verification_batch
"""

# Drains and sweepers connect under a name of their own, from whichever machine.
PROCESSES = """
SELECT application_name, coalesce(host(client_addr), 'this machine'), count(*), min(backend_start)
FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'portal-%%'
GROUP BY 1, 2 ORDER BY 1, 2
"""

PACING = """
SELECT count(DISTINCT holder), coalesce(sum(slots), 0)::bigint, count(DISTINCT organisation_id) FILTER (WHERE slots > 0)
FROM verification_pacinggrant WHERE until > now()
"""

# Of calls; those of jobs do not expire.
RESERVATIONS = """
SELECT count(*), count(*) FILTER (WHERE expires_at < now() - interval '1 minute')
FROM accounts_reservation WHERE expires_at IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Due:
    """Batches and addresses that are due, by how long they have been."""

    words: str
    batches: int
    addresses: int


@dataclass(frozen=True, slots=True)
class Process:
    """Connections of one part of the product from one machine."""

    part: str
    machine: str
    connections: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Bell:
    """Bells that wait in the queue of a machine."""

    queue: str
    number: int


@dataclass(frozen=True, slots=True)
class Health:
    """`oldest_seconds`: how long the oldest claimable batch has been due.  `bells` is None where they are in Redis."""

    due: list[Due]
    oldest_seconds: float
    later: int
    next_at: datetime | None
    leased: int
    lapsed: int
    suspects: int
    unread: int
    unread_since: datetime | None
    processes: list[Process]
    holders: int
    slots: int
    organisations: int
    calls: int
    overdue: int
    bells: list[Bell] | None

    @property
    def due_batches(self) -> int:
        return sum(each.batches for each in self.due)

    @property
    def due_addresses(self) -> int:
        return sum(each.addresses for each in self.due)

    @property
    def stands_still(self) -> bool:
        """Tell whether due work lies longer than a supervisor would bear while nobody holds a lease."""
        return self.oldest_seconds > 60 and not self.leased


def look() -> Health:
    """Look at the queue now."""
    with connection.cursor() as cursor:
        cursor.execute(AGES)
        ages = {row[0]: row for row in cursor.fetchall()}
        cursor.execute(BATCHES)
        later, leased, lapsed, suspects, next_at = cursor.fetchone()
        cursor.execute(PROCESSES)
        processes = [Process(*row) for row in cursor.fetchall()]
        cursor.execute(PACING)
        holders, slots, organisations = cursor.fetchone()
        cursor.execute(RESERVATIONS)
        calls, overdue = cursor.fetchone()
    lists = Job.objects.filter(status=JobStatus.PARSING).aggregate(Count("pk"), Min("created_at"))
    return Health(
        due=[Due(words, *ages.get(n, (n, 0, 0))[1:3]) for n, words in enumerate(AGE_WORDS)],
        oldest_seconds=max((row[3] for row in ages.values()), default=0.0),
        later=later,
        next_at=next_at,
        leased=leased,
        lapsed=lapsed,
        suspects=suspects,
        unread=lists["pk__count"],
        unread_since=lists["created_at__min"],
        processes=processes,
        holders=holders,
        slots=slots,
        organisations=organisations,
        calls=calls,
        overdue=overdue,
        bells=_bells(),
    )


def _bells() -> list[Bell] | None:
    if settings.Q_BROKER:
        return None
    return [Bell(*row) for row in OrmQ.objects.values_list("key").annotate(Count("pk")).order_by("key")]
