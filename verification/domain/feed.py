"""The feed of events: of a job by its numbers, of an account by a cursor that misses nothing that commits late.

Over the jobs of an account no row says what comes next: a transaction may write its events before another and commit
after it.  So an account is read window by window.  A window holds what was written by transactions with numbers from
`since` to below `until`, and `until` is never above the oldest transaction that still runs: whatever such a one writes
later falls into a later window.  Within a window the rows' own numbers give the order, in which those of a job follow
each other as they happened.  Two events of a job cannot change places between windows either: whoever wrote the second
held the job's lock after the first was committed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from accounts.models import Account
from verification.domain import event_shapes
from verification.domain.event_shapes import Entry
from verification.models import Job

LARGEST = 2**63 - 1
CURSOR = re.compile(r"(\d{1,19})(?:-(\d{1,19})-(\d{1,19})-(\d{1,19}))?", re.ASCII)


class CursorUnfit(ValueError):
    """A cursor that was not given out by this feed."""


class Cursor(NamedTuple):
    """A place in an account's feed: all before `since`, and of the window up to `until` what an entry ends."""

    since: int = 0
    until: int = 0  # 0: as far as may be read
    event: int = 0
    seq: int = 0

    def __str__(self) -> str:
        return "-".join(str(part) for part in self) if self.until else str(self.since)

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Read a cursor.  Raises CursorUnfit."""
        found = CURSOR.fullmatch(text)
        parts = [int(part) for part in found.groups() if part is not None] if found else []
        if not parts or max(parts) > LARGEST or (len(parts) > 1 and not parts[0] < parts[1]):
            raise CursorUnfit
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the entries of an event row: `first` to `last`, by their numbers in the job's feed."""

    event: int
    job_id: UUID
    type: str
    sub_type: str
    row_first: int
    first: int
    last: int
    created_at: datetime

    @property
    def size(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Page:
    """Entries by job, and where to go on."""

    messages: list[dict[str, Any]]  # Any: JSON, see event_shapes.py
    after: Cursor


OF_JOB = """
SELECT id, job_id, type, sub_type, first_seq, last_seq, created_at FROM verification_event
WHERE job_id = %(job)s AND last_seq > %(after)s ORDER BY last_seq LIMIT %(limit)s
"""
# `until` comes with each row, and alone when there is none.
OF_ACCOUNT = """
WITH bound AS (
    SELECT coalesce(nullif(%(until)s::bigint, 0), pg_snapshot_xmin(pg_current_snapshot())::text::bigint) AS until
)
SELECT bound.until, e.* FROM bound LEFT JOIN LATERAL (
    SELECT e.id, e.job_id, e.type, e.sub_type, e.first_seq, e.last_seq, e.created_at
    FROM verification_event e JOIN verification_job j ON j.id = e.job_id AND j.deleted_at IS NULL
    WHERE e.account_id = %(account)s AND e.written_in >= %(since)s AND e.written_in < bound.until
          AND (e.id > %(event)s OR e.id = %(event)s AND e.last_seq > %(seq)s)
    ORDER BY e.id LIMIT %(limit)s
) AS e ON true ORDER BY e.id
"""
ENTRIES = """
SELECT wanted.slice, wanted.low + member.place - 1, c.block, c.block_index, c.reference, c.address,
       r.result, r.reason, r.blame, r.role, r.free, r.disposable, r.mail_server_location, r.duration
FROM unnest(%(events)s::bigint[], %(lows)s::int[], %(highs)s::int[]) WITH ORDINALITY
     AS wanted(event, low, high, slice)
JOIN verification_event e ON e.id = wanted.event
CROSS JOIN LATERAL unnest(e.check_ids[wanted.low:wanted.high]) WITH ORDINALITY AS member(check_id, place)
JOIN verification_check c ON c.id = member.check_id
LEFT JOIN verification_checkresult r ON r.check_row_id = c.id
ORDER BY wanted.slice, member.place
"""


def of_job(*, job: Job, after: int, limit: int) -> Page:
    """Give up to `limit` entries of a job behind a number."""
    with connection.cursor() as cursor:
        cursor.execute(OF_JOB, {"job": job.pk, "after": after, "limit": limit})
        found = slices(cursor.fetchall(), after, limit)
    return Page(messages(found), Cursor(found[-1].last if found else after))


def of_account(*, account: Account, after: Cursor, limit: int) -> Page:
    """Give up to `limit` entries of all jobs of an account behind a cursor.  Raises CursorUnfit."""
    with connection.cursor() as cursor:
        while True:
            names = after._asdict() | {"account": account.pk, "limit": limit}
            cursor.execute(OF_ACCOUNT, names)
            rows = cursor.fetchall()
            until = rows[0][0]
            if after.since > until:
                raise CursorUnfit  # of another database, or made up
            found = slices([row[1:] for row in rows if row[1] is not None], after.seq, limit, of=after.event)
            if found or not after.until:
                break
            after = Cursor(after.until)
    is_whole = sum(part.size for part in found) < limit
    here = Cursor(until) if is_whole else Cursor(after.since, until, found[-1].event, found[-1].last)
    return Page(messages(found), here)


def slices(rows: Sequence[tuple[Any, ...]], after: int, limit: int, *, of: int | None = None) -> list[Slice]:
    """Cut rows into entries behind a number (of row `of`, where only that one was begun), `limit` of them in all."""
    found = []
    for event, job_id, kind, sub_type, row_first, row_last, created_at in rows:
        if limit < 1:
            break
        first = max(row_first, after + 1) if of in (None, event) else row_first
        last = min(row_last, first + limit - 1)
        limit -= last - first + 1
        found.append(Slice(event, job_id, kind, sub_type, row_first, first, last, created_at))
    return found


def messages(found: Sequence[Slice]) -> list[dict[str, Any]]:  # Any: JSON
    """Render slices, those of a job that follow each other as one message."""
    jobs = {job.pk: job for job in Job.objects.filter(pk__in={one.job_id for one in found}).select_related("account")}
    entries = [entry for entry in entries_of(found) if entry.job_id in jobs]
    return [
        event_shapes.message(jobs[job_id], members) for job_id, members in groupby(entries, key=lambda one: one.job_id)
    ]


def entries_of(found: Sequence[Slice]) -> Iterator[Entry]:
    """Give the entries of slices; those of addresses that were erased are not there any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            ENTRIES,
            {
                "events": [one.event for one in found],
                "lows": [one.first - one.row_first + 1 for one in found],
                "highs": [one.last - one.row_first + 1 for one in found],
            },
        )
        of_slice = {number: list(rows) for number, rows in groupby(cursor.fetchall(), key=lambda row: row[0])}
    for number, one in enumerate(found, start=1):
        head = (one.job_id, one.type, one.sub_type, one.created_at)
        members = of_slice.get(number, [])
        if not members and one.type in event_shapes.OF_THE_JOB:
            yield Entry(*head, seq=one.first)
        for _, place, *columns in members:
            yield Entry(*head, seq=one.row_first + place - 1, check=event_shapes.Recipient(*columns))
