"""The one transaction that turns answers into results, events, counters and charges, always in this order.

A second run with the same answers changes nothing: the batch's token guards it, results are unique per check, and
counters and charges go by the rows really inserted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.domain import quota
from verification.domain.claims import Connection, Lease
from verification.domain.text import storable_json
from verification.engine.types import Answer, Result
from verification.models import EventType

LOCK_BATCH = "SELECT flushes FROM verification_batch WHERE id = %(id)s AND token = %(token)s FOR UPDATE"

INSERT_RESULTS = """
INSERT INTO verification_checkresult AS r (
    check_row_id, account_id, job_id, result, reason, blame, role, free, disposable, mail_server_location, duration,
    evidence, final, charged, checked_at
)
SELECT id, %(account_id)s, %(job_id)s, result, reason, blame, role, free, disposable, location, duration,
       evidence, true, charged, now()
FROM unnest(
    %(id)s::bigint[], %(result)s::text[], %(reason)s::text[], %(blame)s::text[], %(role)s::bool[], %(free)s::bool[],
    %(disposable)s::bool[], %(location)s::text[], %(duration)s::int[], %(evidence)s::jsonb[], %(charged)s::bool[]
) AS t(id, result, reason, blame, role, free, disposable, location, duration, evidence, charged)
ON CONFLICT (check_row_id) DO UPDATE SET
    result = excluded.result, reason = excluded.reason, blame = excluded.blame, duration = excluded.duration,
    mail_server_location = excluded.mail_server_location, evidence = excluded.evidence, final = excluded.final,
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
RETURNING event_seq, waiting
"""

FINISH_JOB = """
UPDATE verification_job SET status = 'finished', finished_at = now(), event_seq = event_seq + 1
WHERE id = %(job_id)s RETURNING event_seq
"""

INSERT_EVENT = """
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
VALUES (%(job_id)s, %(account_id)s, %(type)s, %(sub_type)s, %(first_seq)s, %(last_seq)s, %(check_ids)s, now())
"""

ADD_TALLIES = """
INSERT INTO verification_tally AS t (job_id, result, reason, blame, count)
SELECT %(job_id)s, result, reason, blame, count
FROM unnest(%(result)s::text[], %(reason)s::text[], %(blame)s::text[], %(count)s::int[])
     AS n(result, reason, blame, count)
ORDER BY result, reason, blame
ON CONFLICT (job_id, result, reason, blame) DO UPDATE SET count = t.count + excluded.count
"""

COUNT_FLUSH = "UPDATE verification_batch SET flushes = flushes + 1 WHERE id = %(id)s"
DELETE_BATCH = "DELETE FROM verification_batch WHERE id = %(id)s"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer for a check of a lease."""

    check_id: int
    answer: Answer

    @property
    def charged(self) -> bool:
        """A final verdict costs one check; our own trouble costs nothing."""
        return not self.answer.verdict.blame.is_ours


async def flush(connection: Connection, *, lease: Lease, answered: Sequence[Answered], complete: bool) -> bool:
    """Write answers in one transaction; `complete` ends the batch.  False: the lease is lost, nothing was written."""
    async with connection.transaction():
        cursor = await connection.execute(LOCK_BATCH, {"id": lease.id, "token": lease.token})
        row = await cursor.fetchone()
        if row is None:
            return False
        if answered:
            await write(connection, lease, answered, entry=f"batch:{lease.id}:{row[0]}")
        await connection.execute(DELETE_BATCH if complete else COUNT_FLUSH, {"id": lease.id})
    return True


async def write(connection: Connection, lease: Lease, answered: Sequence[Answered], *, entry: str) -> None:
    cursor = await connection.execute(INSERT_RESULTS, result_columns(lease, answered))
    inserted = {row[0] for row in await cursor.fetchall()}
    fresh = [one for one in answered if one.check_id in inserted]
    if not fresh:
        return
    await count(connection, lease, fresh)
    if not lease.sandbox:
        used = sum(one.charged for one in fresh)
        await quota.asettle(
            connection, reference=f"job:{lease.job_id}", used=used, released=len(fresh) - used, entry=entry
        )


async def count(connection: Connection, lease: Lease, fresh: list[Answered]) -> None:
    """Move the job's counters, number the events under the job row's lock, end the job with its last row."""
    job = {"job_id": lease.job_id, "account_id": lease.account_id}
    decided = sum(one.answer.verdict.result in (Result.OK, Result.BAD) for one in fresh)
    numbers = {"decided": decided, "undecided": len(fresh) - decided, "events": len(fresh)}
    cursor = await connection.execute(MOVE_COUNTERS, job | numbers)
    row = await cursor.fetchone()
    assert row is not None, "a leased batch has a job"
    last_seq, waiting = row
    verified = {
        "type": EventType.VERIFIED.value,
        "sub_type": "",
        "first_seq": last_seq - len(fresh) + 1,
        "last_seq": last_seq,
        "check_ids": [one.check_id for one in fresh],
    }
    await connection.execute(INSERT_EVENT, job | verified)
    tallies = Counter((v.result.value, v.reason.value, v.blame.value) for v in (one.answer.verdict for one in fresh))
    result, reason, blame = (list(column) for column in zip(*tallies, strict=True))
    columns = {"result": result, "reason": reason, "blame": blame, "count": list(tallies.values())}
    await connection.execute(ADD_TALLIES, job | columns)
    if waiting == 0:
        await finish(connection, job)


async def finish(connection: Connection, job: dict[str, object]) -> None:
    cursor = await connection.execute(FINISH_JOB, job)
    row = await cursor.fetchone()
    assert row is not None, "the job row is locked"
    processed = {"type": EventType.PROCESSED.value, "sub_type": "PROCESSING_FINISHED", "check_ids": []}
    await connection.execute(INSERT_EVENT, job | processed | {"first_seq": row[0], "last_seq": row[0]})


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
        "evidence": [storable_json(a.evidence.as_dict()) for a in answers],
        "charged": [one.charged for one in answered],
    }
