"""The one transaction that turns answers into results, events, counters and charges, always in this order.

A second run with the same answers changes nothing: the batches' tokens guard it, results are unique per check, and
counters and charges go by the rows really inserted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.conf import settings

from accounts.domain import quota
from verification.domain import facts, job_mails, later
from verification.domain import flush_sql as sql
from verification.domain.claims import Connection, Lease, held
from verification.domain.failpoints import failpoint
from verification.domain.probing import source_addresses
from verification.domain.reuse import remember
from verification.domain.text import storable, storable_json
from verification.engine.types import Answer, CatchAll, Result
from verification.models import EventType

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer for a check of a lease.  Not `final`: it will be tried again."""

    check_id: int
    answer: Answer
    final: bool = True
    domain: str = ""
    digest: bytes | None = None  # of the mailbox, when the result may be used again
    checked_at: datetime | None = None  # of an earlier result used again
    free: bool = False  # of the sample of a list that is held

    @property
    def charged(self) -> bool:
        """A final verdict costs one check; our own trouble costs nothing."""
        return self.is_worth_it and not self.free

    @property
    def is_worth_it(self) -> bool:
        """Tell whether it says something of the address, for good."""
        return self.final and not self.answer.verdict.blame.is_ours


@dataclass(frozen=True, slots=True)
class Part:
    """What there is to write of one batch.

    `complete` ends the round: the batch goes, or waits for the next round of those that `may_wait`.  `catch_alls`: the
    probes that need not be kept again.
    """

    lease: Lease
    answered: Sequence[Answered]
    complete: bool
    may_wait: bool = False
    catch_alls: Mapping[str, CatchAll] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Round:
    """A part whose batch is locked.  `wait`: minutes until the next try, None when this one is the last."""

    part: Part
    flushes: int
    wait: float | None
    answered: list[Answered]
    free: bool  # of a list that is held: nothing is set aside, and nothing charged

    @property
    def entry(self) -> str:
        return f"batch:{self.part.lease.id}:{self.flushes}"


async def flush(connection: Connection, parts: Sequence[Part]) -> set[int]:
    """Write parts of one job in one transaction; gives the batches that are still ours.

    Of those whose lease is lost nothing is written.
    """
    hours = {"greylist_seconds": settings.GREYLIST_HOURS * 3600, "job_seconds": settings.JOB_HOURS * 3600}
    async with connection.transaction():
        rounds = await lock(connection, parts, hours)
        if not rounds:
            return set()
        failpoint("flush_locked")
        if any(one.answered for one in rounds):
            await write(connection, rounds)
        await end_rounds(connection, rounds, hours)
        failpoint("flush_settled")
    failpoint("flush_committed")
    return {one.part.lease.id for one in rounds}


async def lock(connection: Connection, parts: Sequence[Part], hours: dict[str, float]) -> list[Round]:
    """Lock the batches that are still ours, and tell which answers are final."""
    leases = [part.lease for part in parts]
    cursor = await connection.execute(sql.LOCK_BATCHES, held(leases) | hours)
    standing = {batch_id: found for batch_id, *found in await cursor.fetchall()}
    rounds = []
    for part in parts:
        if part.lease.id in standing:
            flushes, has_time, is_held = standing[part.lease.id]
            wait = later.minutes_until_next(part.lease.tries + 1) if part.may_wait and has_time else None
            answered = marked(part.answered, waits=bool(wait), free=is_held)
            rounds.append(Round(part, flushes, wait or None, answered, is_held))
    return rounds


def marked(answered: Sequence[Answered], *, waits: bool, free: bool) -> list[Answered]:
    """Mark those that a later try may change, and those of a free sample."""
    return [
        replace(one, final=not (waits and later.may_change(one.answer.verdict)), free=free) if free or waits else one
        for one in answered
    ]


async def end_rounds(connection: Connection, rounds: Sequence[Round], hours: dict[str, float]) -> None:
    """Let go of batches whose round is complete, or keep them for their rows that are tried again."""
    complete = [one for one in rounds if one.part.complete]
    await on_batches(connection, sql.COUNT_FLUSHES, [one for one in rounds if not one.part.complete])
    if not complete:
        return
    waits = {"ids": [one.part.lease.id for one in complete], "may_wait": [one.wait is not None for one in complete]}
    cursor = await connection.execute(sql.STANDINGS, waits)
    standing = {batch_id: (is_open, goes_on) for batch_id, is_open, goes_on in await cursor.fetchall()}
    is_open = {one.part.lease.id for one in complete if standing.get(one.part.lease.id, (False, False))[0]}
    await on_batches(connection, sql.REOPEN_BATCHES, [one for one in complete if one.part.lease.id in is_open])
    over = []
    for one in complete:
        if one.part.lease.id in is_open:
            continue
        if one.wait is not None and standing.get(one.part.lease.id, (False, False))[1]:
            await postpone(connection, one.part.lease, one.wait * 60, hours)
        else:
            over.append(one)
    await on_batches(connection, sql.DELETE_BATCHES, over)


async def on_batches(connection: Connection, statement: str, rounds: Sequence[Round]) -> None:
    if rounds:
        await connection.execute(statement, {"ids": [one.part.lease.id for one in rounds]})


async def postpone(connection: Connection, lease: Lease, seconds: float, hours: dict[str, float]) -> None:
    """Keep the batch for the rows that are not final, due again later."""
    sender = lease.sender or settings.PROBE_SENDER
    values = {"id": lease.id, "seconds": seconds, "sender": sender, "sources": list(source_addresses())}
    await connection.execute(sql.POSTPONE, values | hours)


async def write(connection: Connection, rounds: Sequence[Round]) -> None:
    """Write the results, and what follows from those really written; the quota last."""
    lease = rounds[0].part.lease
    answered = [one for each in rounds for one in each.answered]
    cursor = await connection.execute(sql.INSERT_RESULTS, result_columns(lease, answered))
    inserted = {row[0] for row in await cursor.fetchall()}
    failpoint("flush_results_written")
    fresh = [one for one in answered if one.check_id in inserted]
    if not fresh:
        return
    await count(connection, lease, fresh)
    failpoint("flush_counted")
    if lease.sandbox:
        return
    known = {one.digest: one.check_id for one in fresh if one.digest and one.is_worth_it and not one.checked_at}
    await remember(connection, account_id=lease.account_id, checks=known)
    catch_alls = {domain: probe for each in rounds for domain, probe in each.part.catch_alls.items()}
    await facts.keep(connection, {one.domain: one.answer.evidence.catch_all for one in fresh}, known=catch_alls)
    for each in (one for one in rounds if not one.free):
        ours = [one for one in each.answered if one.check_id in inserted]
        used, ended = sum(one.charged for one in ours), sum(one.final for one in ours)
        if ended:
            reference = f"job:{lease.job_id}"
            await quota.asettle(connection, reference=reference, used=used, released=ended - used, entry=each.entry)


async def count(connection: Connection, lease: Lease, fresh: list[Answered]) -> None:
    """Move the job's counters, number the events under the job row's lock, end the job with its last row."""
    job = {"job_id": lease.job_id, "account_id": lease.account_id}
    ended = [one for one in fresh if one.final]
    decided = sum(one.answer.verdict.result in (Result.OK, Result.BAD) for one in ended)
    numbers = {"decided": decided, "undecided": len(ended) - decided, "events": len(fresh)}
    cursor = await connection.execute(sql.MOVE_COUNTERS, job | numbers)
    row = await cursor.fetchone()
    assert row is not None, "a leased batch has a job"
    last_seq, waiting, is_reading = row
    seq = last_seq - len(fresh)
    for kind, final in ((EventType.VERIFIED, True), (EventType.DEFERRED, False)):
        if ids := [one.check_id for one in fresh if one.final is final]:
            event = {"type": kind.value, "sub_type": "", "first_seq": seq + 1, "last_seq": seq + len(ids)}
            await connection.execute(sql.INSERT_EVENT, job | event | {"check_ids": ids})
            seq += len(ids)
    if ended:
        await connection.execute(sql.ADD_TALLIES, job | tally_columns(ended))
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
    cursor = await connection.execute(sql.FINISH_JOB, job)
    row = await cursor.fetchone()
    assert row is not None, "the job row is locked"
    logger.info("finished", extra={"job_id": job["job_id"]})
    processed = {"type": EventType.PROCESSED.value, "sub_type": "PROCESSING_FINISHED", "check_ids": []}
    await connection.execute(sql.INSERT_EVENT, job | processed | {"first_seq": row[0], "last_seq": row[0]})
    await connection.execute(job_mails.NOTE_DONE, job)
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
