"""What a job at work waits for, in one statement: its page asks every other second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from verification.engine.providers import organisation_of
from verification.models import Job, JobStatus, Organisation

# Of rows that are tried again, some of those tried last, judged by whom they asked last.
OUTLOOK = """
WITH mine AS (SELECT tries, due_at, check_ids FROM verification_batch WHERE job_id = %(job)s),
     sample AS (
         SELECT DISTINCT r.evidence -> 'attempts' -> -1 ->> 'host', r.evidence -> 'attempts' -> -1 ->> 'address'
         FROM (SELECT check_ids[1:10] AS ids FROM mine WHERE tries > 0 ORDER BY due_at DESC LIMIT 50) AS b
         JOIN verification_checkresult AS r ON r.check_row_id = ANY(b.ids)
         WHERE NOT r.final AND r.result = 'RetryLater' AND r.evidence -> 'attempts' -> -1 ->> 'host' IS NOT NULL
         AND EXISTS (SELECT FROM verification_organisation
                     WHERE backoff_until > statement_timestamp() OR paused_at IS NOT NULL)
     )
SELECT (SELECT min(due_at) FROM mine HAVING count(*) FILTER (WHERE tries = 0) = 0),
       ARRAY(SELECT ARRAY[coalesce(host, ''), coalesce(address, '')] FROM sample AS s (host, address))
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An organisation that a job waits for; `until` is None when staff paused it."""

    organisation: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """When the next row is due, None while there are untried ones; and which held organisations rows wait for."""

    next_try_at: datetime | None = None
    waiting_for: tuple[Waiting, ...] = ()


def outlook(*, job: Job) -> Outlook:
    """Tell what a job waits for; nothing when it is not at work."""
    if job.status not in (JobStatus.RUNNING, JobStatus.PARSING):
        return Outlook()
    with connection.cursor() as cursor:
        cursor.execute(OUTLOOK, {"job": job.pk})
        next_try_at, asked = cursor.fetchone()
    waiting = held({organisation_of(host, address) for host, address in asked} - {""})
    return Outlook(next_try_at if job.status == JobStatus.RUNNING else None, waiting)


def held(names: set[str]) -> tuple[Waiting, ...]:
    """Give those of some organisations that get no connection at present."""
    if not names:
        return ()
    found = Organisation.objects.held().filter(pk__in=names).order_by("name")
    return tuple(Waiting(each.name, None if each.paused_at else each.backoff_until) for each in found)
