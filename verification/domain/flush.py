"""The one transaction that turns answers into results, events, counters and charges, always in this order.

A second run with the same answers changes nothing: the batch's token guards it, results are unique per check, and
counters and charges go by the rows really inserted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from accounts.domain import quota
from verification.domain import facts, later
from verification.domain.claims import Connection, Lease
from verification.domain.failpoints import failpoint
from verification.domain.probing import source_addresses
from verification.domain.reuse import remember
from verification.domain.text import storable, storable_json
from verification.engine.types import Answer, CatchAll, Result
from verification.models import EventType

logger = logging.getLogger(__name__)

# `ends_at`: when the rows of the batch become final whatever they are.
LOCK_BATCH = """
SELECT b.flushes, now() + interval '1 second' < ends.at AS has_time
FROM verification_batch b JOIN verification_job j ON j.id = b.job_id
CROSS JOIN LATERAL (SELECT least(coalesce(b.first_tried_at, now()) + make_interval(secs => %(greylist_seconds)s),
                                 j.started_at + make_interval(secs => %(job_seconds)s)) AS at) AS ends
WHERE b.id = %(id)s AND b.token = %(token)s FOR UPDATE OF b
"""

INSERT_RESULTS = """
INSERT INTO verification_checkresult AS r (
    check_row_id, account_id, job_id, result, reason, blame, role, free, disposable, mail_server_location, duration,
    normalized, did_you_mean, evidence, final, charged, checked_at
)
SELECT id, %(account_id)s, %(job_id)s, result, reason, blame, role, free, disposable, location, duration,
       normalized, did_you_mean, evidence::jsonb, final, charged, coalesce(checked_at, now())
FROM unnest(
    %(id)b::bigint[], %(result)b::text[], %(reason)b::text[], %(blame)b::text[], %(role)b::bool[], %(free)b::bool[],
    %(disposable)b::bool[], %(location)b::text[], %(duration)b::int[], %(normalized)b::text[], %(meant)b::text[],
    %(evidence)b::text[], %(final)b::bool[], %(charged)b::bool[], %(checked_at)b::timestamptz[]
) AS t(id, result, reason, blame, role, free, disposable, location, duration, normalized, did_you_mean, evidence, final,
       charged, checked_at)
ON CONFLICT (check_row_id) DO UPDATE SET
    result = excluded.result, reason = excluded.reason, blame = excluded.blame, duration = excluded.duration,
    mail_server_location = excluded.mail_server_location, normalized = excluded.normalized,
    did_you_mean = excluded.did_you_mean, evidence = excluded.evidence, final = excluded.final,
    charged = excluded.charged, checked_at = excluded.checked_at
WHERE NOT r.final
RETURNING check_row_id
"""

MOVE_COUNTERS = """
UPDATE verification_job SET
    waiting = waiting - %(decided)s - %(undecided)s,
    decided = decided + %(decided)s,
    undecided = undecided + %(undecided)s,
    event_seq = event_seq + %(events)s
WHERE id = %(job_id)s
RETURNING event_seq, waiting, is_reading
"""

FINISH_JOB = """
UPDATE verification_job SET status = 'finished', finished_at = now(), event_seq = event_seq + 1
WHERE id = %(job_id)s RETURNING event_seq
"""

INSERT_EVENT = """
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
VALUES (%(job_id)s, %(account_id)s, %(type)s, %(sub_type)s, %(first_seq)s, %(last_seq)s, %(check_ids)s, now())
"""

# The job's tallies, and the day's (see usage.py), which also tell key and provider.
ADD_TALLIES = """
WITH n AS (
    SELECT * FROM unnest(%(result)s::text[], %(reason)s::text[], %(blame)s::text[], %(provider)s::text[],
                         %(count)s::int[], %(charged)s::int[]) AS n(result, reason, blame, provider, count, charged)
), pending AS (
    INSERT INTO verification_pendingtally (
        day, account_id, key_id, source, result, reason, blame, provider, count, charged
    )
    SELECT (now() AT TIME ZONE 'UTC')::date, j.account_id, j.key_id, 'job', n.* FROM n, verification_job j
    WHERE j.id = %(job_id)s AND NOT j.sandbox
)
INSERT INTO verification_tally AS t (job_id, result, reason, blame, count)
SELECT %(job_id)s, result, reason, blame, sum(count) FROM n
GROUP BY result, reason, blame ORDER BY result, reason, blame
ON CONFLICT (job_id, result, reason, blame) DO UPDATE SET count = t.count + excluded.count
"""

COUNT_FLUSH = "UPDATE verification_batch SET flushes = flushes + 1 WHERE id = %(id)s"
DELETE_BATCH = "DELETE FROM verification_batch WHERE id = %(id)s"
REOPEN_BATCH = """
UPDATE verification_batch SET token = NULL, lease_until = NULL, flushes = flushes + 1 WHERE id = %(id)s
"""

# Whoever calls a round complete may have lost an answer on its way here; the rows have the last word.
HAS_OPEN = """
SELECT EXISTS (
    SELECT 1 FROM verification_batch b CROSS JOIN LATERAL unnest(b.check_ids) AS c(id)
    LEFT JOIN verification_checkresult r ON r.check_row_id = c.id AND (r.final OR %(may_wait)s)
    WHERE b.id = %(id)s AND r.check_row_id IS NULL
)
"""

# Each row goes on from the address of ours that asked last; where those differ, the batch is divided.
POSTPONE = """
WITH present AS (
    SELECT b.*, now() + make_interval(secs => %(seconds)s) AS wanted_at,
           least(coalesce(b.first_tried_at, now()) + make_interval(secs => %(greylist_seconds)s),
                 j.started_at + make_interval(secs => %(job_seconds)s)) AS ends_at
    FROM verification_batch b JOIN verification_job j ON j.id = b.job_id
    WHERE b.id = %(id)s
), open AS (
    SELECT r.check_row_id AS id, coalesce((
        SELECT a.tried->>'source' FROM jsonb_array_elements(r.evidence->'attempts') WITH ORDINALITY AS a(tried, place)
        WHERE a.tried->>'source' = ANY(%(sources)s) ORDER BY a.place DESC LIMIT 1
    )::inet, p.source_address) AS source
    FROM present p JOIN verification_checkresult r ON r.check_row_id = ANY(p.check_ids)
    WHERE NOT r.final
), later AS (
    SELECT source, array_agg(id ORDER BY id) AS ids, row_number() OVER (ORDER BY source NULLS FIRST) = 1 AS stays
    FROM open GROUP BY source
), kept AS (
    UPDATE verification_batch b SET
        check_ids = l.ids, token = NULL, lease_until = NULL, attempts = 0, tries = b.tries + 1,
        flushes = b.flushes + 1, source_address = l.source, sender = %(sender)s,
        first_tried_at = coalesce(b.first_tried_at, now()), due_at = least(p.wanted_at, p.ends_at)
    FROM later l, present p WHERE b.id = p.id AND l.stays
    RETURNING b.id
), divided AS (
    INSERT INTO verification_batch (job_id, account_id, check_ids, due_at, attempts, alone, tries, flushes,
                                    first_tried_at, source_address, sender)
    SELECT p.job_id, p.account_id, l.ids, least(p.wanted_at, p.ends_at), 0, p.alone, p.tries + 1, 0,
           coalesce(p.first_tried_at, now()), l.source, %(sender)s
    FROM later l, present p WHERE NOT l.stays
)
SELECT EXISTS (SELECT 1 FROM kept)
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer for a check of a lease.  Not `final`: it will be tried again."""

    check_id: int
    answer: Answer
    final: bool = True
    domain: str = ""
    digest: bytes | None = None  # of the mailbox, when the result may be used again
    checked_at: datetime | None = None  # of an earlier result used again

    @property
    def charged(self) -> bool:
        """A final verdict costs one check; our own trouble costs nothing."""
        return self.final and not self.answer.verdict.blame.is_ours


async def flush(
    connection: Connection,
    *,
    lease: Lease,
    answered: Sequence[Answered],
    complete: bool,
    may_wait: bool = False,
    catch_alls: Mapping[str, CatchAll] | None = None,
) -> bool:
    """Write answers in one transaction.  False: the lease is lost, nothing was written.

    `complete` ends the round: the batch goes, or waits for the next round of those that `may_wait`.  `catch_alls`: the
    probes that need not be kept again.
    """
    wait = later.minutes_until_next(lease.tries + 1)
    hours = {"greylist_seconds": settings.GREYLIST_HOURS * 3600, "job_seconds": settings.JOB_HOURS * 3600}
    async with connection.transaction():
        cursor = await connection.execute(LOCK_BATCH, {"id": lease.id, "token": lease.token} | hours)
        row = await cursor.fetchone()
        if row is None:
            return False
        failpoint("flush_locked")
        flushes, has_time = row
        if not (may_wait and has_time and wait):
            wait = None
        if answered:
            marked = [replace(one, final=wait is None or not later.may_change(one.answer.verdict)) for one in answered]
            await write(connection, lease, marked, entry=f"batch:{lease.id}:{flushes}", catch_alls=catch_alls)
        if not complete:
            await connection.execute(COUNT_FLUSH, {"id": lease.id})
        elif await has_open(connection, lease, may_wait=wait is not None):
            await connection.execute(REOPEN_BATCH, {"id": lease.id})
        elif not wait or not await postpone(connection, lease, wait * 60, hours):
            await connection.execute(DELETE_BATCH, {"id": lease.id})
        failpoint("flush_settled")
    failpoint("flush_committed")
    return True


async def has_open(connection: Connection, lease: Lease, *, may_wait: bool) -> bool:
    """Tell whether a row of the batch lacks its result of this round."""
    cursor = await connection.execute(HAS_OPEN, {"id": lease.id, "may_wait": may_wait})
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def postpone(connection: Connection, lease: Lease, seconds: float, hours: dict[str, float]) -> bool:
    """Keep the batch for the rows that are not final, due again later; False when there are none."""
    sender = lease.sender or settings.PROBE_SENDER
    values = {"id": lease.id, "seconds": seconds, "sender": sender, "sources": list(source_addresses())}
    cursor = await connection.execute(POSTPONE, values | hours)
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


async def write(
    connection: Connection,
    lease: Lease,
    answered: Sequence[Answered],
    *,
    entry: str,
    catch_alls: Mapping[str, CatchAll] | None,
) -> None:
    cursor = await connection.execute(INSERT_RESULTS, result_columns(lease, answered))
    inserted = {row[0] for row in await cursor.fetchall()}
    failpoint("flush_results_written")
    fresh = [one for one in answered if one.check_id in inserted]
    if not fresh:
        return
    await count(connection, lease, fresh)
    failpoint("flush_counted")
    if not lease.sandbox:
        known = {one.digest: one.check_id for one in fresh if one.digest and one.charged and not one.checked_at}
        await remember(connection, account_id=lease.account_id, checks=known)
        await facts.keep(connection, {one.domain: one.answer.evidence.catch_all for one in fresh}, known=catch_alls)
    used, ended = sum(one.charged for one in fresh), sum(one.final for one in fresh)
    if ended and not lease.sandbox:
        await quota.asettle(connection, reference=f"job:{lease.job_id}", used=used, released=ended - used, entry=entry)


async def count(connection: Connection, lease: Lease, fresh: list[Answered]) -> None:
    """Move the job's counters, number the events under the job row's lock, end the job with its last row."""
    job = {"job_id": lease.job_id, "account_id": lease.account_id}
    ended = [one for one in fresh if one.final]
    decided = sum(one.answer.verdict.result in (Result.OK, Result.BAD) for one in ended)
    numbers = {"decided": decided, "undecided": len(ended) - decided, "events": len(fresh)}
    cursor = await connection.execute(MOVE_COUNTERS, job | numbers)
    row = await cursor.fetchone()
    assert row is not None, "a leased batch has a job"
    last_seq, waiting, is_reading = row
    seq = last_seq - len(fresh)
    for kind, final in ((EventType.VERIFIED, True), (EventType.DEFERRED, False)):
        if ids := [one.check_id for one in fresh if one.final is final]:
            event = {"type": kind.value, "sub_type": "", "first_seq": seq + 1, "last_seq": seq + len(ids)}
            await connection.execute(INSERT_EVENT, job | event | {"check_ids": ids})
            seq += len(ids)
    if ended:
        await connection.execute(ADD_TALLIES, job | tally_columns(ended))
    if waiting == 0 and not is_reading:
        await finish(connection, job)


def tally_columns(ended: list[Answered]) -> dict[str, object]:
    tallies = Counter(kind_of(one) for one in ended)
    charged = Counter(kind_of(one) for one in ended if one.charged)
    result, reason, blame, provider = (list(column) for column in zip(*tallies, strict=True))
    return {
        "result": result,
        "reason": reason,
        "blame": blame,
        "provider": provider,
        "count": list(tallies.values()),
        "charged": [charged[kind] for kind in tallies],
    }


def kind_of(one: Answered) -> tuple[str, str, str, str]:
    verdict = one.answer.verdict
    return verdict.result.value, verdict.reason.value, verdict.blame.value, one.answer.evidence.provider


async def finish(connection: Connection, job: dict[str, object]) -> None:
    cursor = await connection.execute(FINISH_JOB, job)
    row = await cursor.fetchone()
    assert row is not None, "the job row is locked"
    logger.info("finished", extra={"job_id": job["job_id"]})
    processed = {"type": EventType.PROCESSED.value, "sub_type": "PROCESSING_FINISHED", "check_ids": []}
    await connection.execute(INSERT_EVENT, job | processed | {"first_seq": row[0], "last_seq": row[0]})
    failpoint("job_finished_before_commit")


def result_columns(lease: Lease, answered: Sequence[Answered]) -> dict[str, object]:
    """Give the answers column by column, as unnest wants them."""
    answers = [one.answer for one in answered]
    return {
        "account_id": lease.account_id,
        "job_id": lease.job_id,
        "id": [one.check_id for one in answered],
        "result": [a.verdict.result.value for a in answers],
        "reason": [a.verdict.reason.value for a in answers],
        "blame": [a.verdict.blame.value for a in answers],
        "role": [a.role for a in answers],
        "free": [a.free for a in answers],
        "disposable": [a.disposable for a in answers],
        "location": [a.mail_server_location for a in answers],
        "duration": [a.duration for a in answers],
        "normalized": [storable(a.normalized) for a in answers],
        "meant": [storable(a.did_you_mean) for a in answers],
        "evidence": [storable_json(a.evidence.as_dict()) for a in answers],
        "final": [one.final for one in answered],
        "charged": [one.charged for one in answered],
        "checked_at": [one.checked_at for one in answered],
    }
