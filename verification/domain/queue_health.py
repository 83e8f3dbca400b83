"""Is the work being done?  Read from rows: what is due and for how long, who holds leases, who is alive."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count
from django.utils.translation import gettext_noop
from django_q.models import Failure, OrmQ
from django_q.status import Stat

from verification.domain.held import HELD_UNTIL
from verification.domain.silence import AT_WORK, UNREAD
from verification.models import Organisation

logger = logging.getLogger(__name__)

# Batches that could be claimed, by how long they have been: of jobs that go on in accounts that are active.
AGES = f"""
SELECT CASE WHEN age < 10 THEN 0 WHEN age < 60 THEN 1 WHEN age < 600 THEN 2 WHEN age < 3600 THEN 3 ELSE 4 END AS class,
       count(*), max(age)::float
FROM (
    SELECT extract(epoch FROM now() - b.due_at) AS age
    FROM verification_batch b
    JOIN verification_job j ON j.id = b.job_id AND {AT_WORK}
    JOIN accounts_account a ON a.id = b.account_id AND a.status = 'active'
    WHERE b.token IS NULL AND b.due_at <= now()
) AS due GROUP BY class
"""
AGE_WORDS = (
    *(gettext_noop("under 10 s"), gettext_noop("10 s to 1 min"), gettext_noop("1 to 10 min")),
    *(gettext_noop("10 min to 1 h"), gettext_noop("over 1 h")),
)

BATCHES = f"""
SELECT count(*) FILTER (WHERE token IS NULL AND due_at > now() AND due_at < '{HELD_UNTIL}'),
       count(*) FILTER (WHERE token IS NOT NULL AND lease_until > now()),
       count(*) FILTER (WHERE token IS NOT NULL AND lease_until <= now()),
       count(*) FILTER (WHERE alone OR attempts > 0),
       min(due_at) FILTER (WHERE token IS NULL AND due_at > now() AND due_at < '{HELD_UNTIL}')
FROM verification_batch
"""
LISTS = f"SELECT count(*), min(created_at) FROM verification_job WHERE id IN ({UNREAD})"

# Each part connects under a name of its own, from whichever machine.
PROCESSES = """
SELECT application_name, coalesce(host(client_addr), 'this machine'), count(*), min(backend_start)
FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'portal-%'
GROUP BY 1, 2 ORDER BY 1, 2
"""
PACING = """
SELECT count(DISTINCT holder), coalesce(sum(slots), 0)::bigint, count(DISTINCT organisation_id) FILTER (WHERE slots > 0)
FROM verification_pacinggrant WHERE until > now()
"""
STANDSTILL_SECONDS = 60.0  # twice what a supervisor bears
MOST_HELD, MOST_FAILURES = 50, 10
COUNTED_FAILURES = 1_000


@dataclass(frozen=True, slots=True)
class Due:
    """Batches that are due, by how long they have been."""

    words: str
    batches: int


@dataclass(frozen=True, slots=True)
class Process:
    """Connections of one part of the product from one machine."""

    part: str
    machine: str
    connections: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Cluster:
    """The queue of a machine, as django-q2 tells of it twice a second."""

    host: str
    pid: int
    status: str
    workers: int
    since: datetime
    restarts: int  # of workers


@dataclass(frozen=True, slots=True)
class Bell:
    """Bells that wait in the queue of a machine."""

    queue: str
    number: int


@dataclass(frozen=True, slots=True)
class Age:
    """How long batches have been due: a histogram, and of the oldest in seconds."""

    due: list[Due]
    oldest_seconds: float

    @property
    def batches(self) -> int:
        return sum(each.batches for each in self.due)


@dataclass(frozen=True, slots=True)
class Batches:
    """All batches but those due: of later tries, leased, with a lease that ran out, suspected of killing workers."""

    later: int
    leased: int
    lapsed: int
    suspects: int
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists with rows to come that nobody reads."""

    number: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections to mail hosts that processes may have now."""

    processes: int
    slots: int
    organisations: int


@dataclass(frozen=True, slots=True)
class Health:
    """`clusters` is None when nobody can tell, `bells` where they are in Redis; `held` and `failed` are counts."""

    age: Age
    batches: Batches
    unread: Lists
    connections: Connections
    processes: list[Process]
    clusters: list[Cluster] | None
    bells: list[Bell] | None
    held: int
    held_ones: list[Organisation]
    failed: int
    failures: list[Failure]

    @property
    def stands_still(self) -> bool:
        """Tell whether due work lies longer than a supervisor would bear while nobody holds a lease."""
        return self.age.oldest_seconds > STANDSTILL_SECONDS and not self.batches.leased

    @property
    def workers(self) -> int | None:
        return None if self.clusters is None else sum(cluster.workers for cluster in self.clusters)

    def is_alive(self, part: str) -> bool:
        """Tell whether a part has a connection to the database, on whichever machine."""
        return any(process.part == f"portal-{part}" for process in self.processes)


def queue_age() -> Age:
    """Tell how long batches have been due that could be claimed now."""
    ages = {number: (count, oldest) for number, count, oldest in _rows(AGES)}
    due = [Due(words, ages.get(number, (0, 0.0))[0]) for number, words in enumerate(AGE_WORDS)]
    return Age(due, max((oldest for _, oldest in ages.values()), default=0.0))


def failed_tasks() -> int:
    """Count the tasks that failed, up to COUNTED_FAILURES."""
    return Failure.objects.order_by()[:COUNTED_FAILURES].count()


def look() -> Health:
    """Look at the queue now."""
    held = Organisation.objects.held()
    return Health(
        age=queue_age(),
        batches=Batches(*_rows(BATCHES)[0]),
        unread=Lists(*_rows(LISTS)[0]),
        connections=Connections(*_rows(PACING)[0]),
        processes=[Process(*row) for row in _rows(PROCESSES)],
        clusters=clusters(),
        bells=_bells(),
        held=held.count(),
        held_ones=list(held.order_by("backoff_until", "name")[:MOST_HELD]),
        failed=failed_tasks(),
        failures=list(Failure.objects.order_by("-stopped")[:MOST_FAILURES]),
    )


def clusters() -> list[Cluster] | None:
    """Give the queues that have told of themselves in the last 3 s; None when their broker is away."""
    try:
        told = Stat.get_all()
    except Exception:  # of whatever broker
        logger.exception("nobody can tell of the queue's workers")
        return None
    found = [
        Cluster(each.host, each.pid, str(each.status), len(each.workers), each.tob, each.reincarnations)
        for each in told
    ]
    return sorted(found, key=lambda cluster: (cluster.host, cluster.pid))


def _bells() -> list[Bell] | None:
    if settings.Q_BROKER:
        return None
    return [Bell(*row) for row in OrmQ.objects.values_list("key").annotate(number=Count("pk")).order_by("key")]


def _rows(statement: str) -> list[tuple[Any, ...]]:  # Any: columns
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
