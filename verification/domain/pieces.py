"""Rows on their way to the database, a piece at a time: written as checks, cut into batches, counted in their job.

Whoever calls holds one transaction for all three.  What takes long comes first, and the job's row is locked last: the
drain's flushes need it, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.domain.config import config_of
from verification.domain import job_mails, mailboxes, suppression
from verification.domain.held import HELD_UNTIL
from verification.domain.text import storable, storable_cells, storable_json
from verification.engine import Evidence, judge, syntax
from verification.engine import lists as engine_lists
from verification.engine.types import Address
from verification.models import Classifier, EventType, Job, JobStatus


class Row(NamedTuple):
    """An address on its way to the database; a tuple, because a million of them are made."""

    position: int
    email: str
    block: int = 0
    block_index: int = 0
    reference: str = ""
    original: list[str] | None = None
    refused_as: str = ""  # its classifier, where it is refused before it is looked at


@dataclass(slots=True)
class Piece:
    """Rows of a job that follow each other, and what became of them."""

    job: Job
    first: int  # position of its first row
    forbidden_names: frozenset[str]  # before the @, in lower case
    total: int = 0
    duplicate: int = 0
    forbidden: int = 0  # or refused before
    suppressed: int = 0
    refused: list[tuple[object, ...]] = field(default_factory=list)  # columns of REFUSED_TYPES
    mailboxes: dict[str, int] = field(default_factory=dict)  # of the rows taken, with their positions
    asked: list[str] = field(default_factory=list)  # of them those that are not on a suppression list

    @property
    def end(self) -> int:
        return self.first + self.total

    @property
    def taken(self) -> int:
        return self.total - self.duplicate - self.not_wanted - len(self.refused)

    @property
    def not_wanted(self) -> int:
        """Rows that were refused, though they may be addresses."""
        return self.forbidden + self.suppressed

    @property
    def names(self) -> dict[str, Any]:  # Any: SQL parameters
        return {
            "account": self.job.account_id,
            "job": self.job.pk,
            "first": self.first,
            "end": self.end,
            "duplicate": Classifier.DUPLICATE.value,
            "sender": self.job.sender,
        }


COPY_CHECKS = """
COPY verification_check (account_id, job_id, created_at, position, block, block_index, reference, address, domain,
                         classifier, duplicate_of, original) FROM STDIN (FORMAT BINARY)
"""
# The id of the job and the time are the same in each row and go as what they are on the wire.
CHECK_TYPES = ["int8", "bytea", "int8", "int4", "int4", "int4", "text", "text", "text", "text", "int4", "text[]"]
WIRE_NOW = "SELECT (extract(epoch FROM now() - timestamptz '2000-01-01 00:00+00') * 1000000)::bigint"

CREATE_REFUSED = """
CREATE TEMPORARY TABLE refused (
    position int, reason text, evidence text, role bool, free bool, disposable bool
) ON COMMIT DROP
"""
COPY_REFUSED = "COPY refused (position, reason, evidence, role, free, disposable) FROM STDIN (FORMAT BINARY)"
REFUSED_TYPES = ["int4", "text", "text", "bool", "bool", "bool"]  # jsonb goes as text: it is dumped already
INSERT_REFUSED = """
INSERT INTO verification_checkresult (check_row_id, account_id, job_id, result, reason, blame, role, free, disposable,
                                      mail_server_location, duration, evidence, final, charged, checked_at)
SELECT c.id, %(account)s, %(job)s, 'Bad', r.reason, 'address', r.role, r.free, r.disposable,
       '', 0, r.evidence::jsonb, true, false, now()
FROM refused r JOIN verification_check c ON c.job_id = %(job)s AND c.position = r.position
"""

ADD_TALLIES = """
INSERT INTO verification_tally AS t (job_id, result, reason, blame, provider, count)
SELECT %(job)s, 'Bad', reason, 'address', '', count
FROM unnest(%(reasons)s::text[], %(counts)s::int[]) AS n(reason, count) ORDER BY reason
ON CONFLICT (job_id, result, reason, blame, provider) DO UPDATE SET count = t.count + excluded.count
"""

# A row that was the first of its piece only, and then those that were told they repeat it.
MARK_DUPLICATES = """
UPDATE verification_check c SET classifier = %(duplicate)s, duplicate_of = known.first
FROM unnest(%(positions)s::int[], %(firsts)s::int[]) AS known(position, first)
WHERE c.job_id = %(job)s AND c.position = known.position
"""
REDIRECT_DUPLICATES = """
UPDATE verification_check c SET duplicate_of = known.first
FROM unnest(%(positions)s::int[], %(firsts)s::int[]) AS known(position, first)
WHERE c.job_id = %(job)s AND c.position >= %(first)s AND c.position < %(end)s AND c.duplicate_of = known.position
"""

INSERT_BATCHES = """
INSERT INTO verification_batch (job_id, account_id, check_ids, due_at, attempts, alone, tries, flushes, sender)
SELECT %(job)s, %(account)s, array_agg(id ORDER BY domain, id), coalesce(%(due)s::timestamptz, now()),
       0, false, 0, 0, %(sender)s
FROM (SELECT id, domain, (row_number() OVER (ORDER BY domain, id) - 1) / %(size)s AS part
      FROM verification_check
      WHERE job_id = %(job)s AND position >= %(first)s AND position < %(end)s AND classifier = '') AS t
GROUP BY part ORDER BY part
"""

INSERT_DROPPED = """
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
SELECT %(job)s, %(account)s, %(type)s, classifier,
       %(seq)s + sum(count(*)) OVER (ORDER BY classifier) - count(*) + 1,
       %(seq)s + sum(count(*)) OVER (ORDER BY classifier),
       array_agg(id ORDER BY position), now()
FROM verification_check
WHERE job_id = %(job)s AND position >= %(first)s AND position < %(end)s AND classifier <> ''
GROUP BY classifier ORDER BY classifier
"""
INSERT_NOTE = """
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
VALUES (%(job)s, %(account)s, %(type)s, %(sub_type)s, %(seq)s, %(seq)s, '{}', now())
"""


def write(cursor: CursorWrapper, job: Job, rows: Iterable[Row], *, first: int = 0) -> Piece:
    """Write rows as checks, and the verdicts of those that are no addresses.

    Of its rows with the same mailbox the first is taken.
    """
    piece = begun(job, first)
    cursor.execute(WIRE_NOW)
    head = (job.account_id, job.pk.bytes, cursor.fetchone()[0])
    with cursor.copy(COPY_CHECKS) as pipe:
        pipe.set_types(CHECK_TYPES)
        for row in rows:
            pipe.write_row(head + columns(piece, row))
    if piece.refused:
        write_refused(cursor, piece)
    return piece


def begun(job: Job, first: int = 0) -> Piece:
    """Give a piece without rows yet."""
    forbidden = config_of(job.account, job.sending_domain).forbidden_local_parts
    return Piece(job, first, frozenset(name.lower() for name in forbidden))


def remember(rows: Iterable[Row]) -> None:
    """Have the mailboxes of rows that are checks already remembered."""
    addresses = ((syntax.parse(row.email), row.position) for row in rows)
    with connection.cursor() as cursor:
        mailboxes.keep(cursor, ((address.mailbox, at) for address, at in addresses if address.fault is None))


def columns(piece: Piece, row: Row) -> tuple[object, ...]:
    """Give the columns of a check, and note in its piece what became of it."""
    piece.total += 1
    address = syntax.parse(row.email)
    classifier, duplicate_of = Classifier.TAKEN.value, None
    if row.refused_as:
        classifier = row.refused_as
        piece.forbidden += 1
    elif address.fault is not None:
        classifier = Classifier.INVALID_FORMAT.value
        piece.refused.append((row.position, *refusal(address)))
    elif piece.forbidden_names and address.mailbox.rpartition("@")[0].lower() in piece.forbidden_names:
        classifier = Classifier.FORBIDDEN_RECIPIENT.value
        piece.forbidden += 1
    elif (first := piece.mailboxes.setdefault(address.mailbox, row.position)) != row.position:
        classifier, duplicate_of = Classifier.DUPLICATE.value, first
        piece.duplicate += 1
    return (
        row.position,
        row.block,
        row.block_index,
        storable(row.reference),
        storable(row.email),
        address.ascii_domain,
        classifier,
        duplicate_of,
        row.original and storable_cells(row.original),
    )


def refusal(address: Address) -> tuple[object, ...]:
    evidence = Evidence(syntax_fault=address.fault, syntax_detail=address.fault_detail)
    return (
        judge(evidence).reason.value,
        storable_json(evidence.as_dict()),
        engine_lists.is_role(address.user),
        engine_lists.is_free(address.ascii_domain),
        engine_lists.is_disposable(address.ascii_domain),
    )


def mark_duplicates(cursor: CursorWrapper, piece: Piece) -> None:
    """Mark the rows whose mailbox is in a piece before this one."""
    known = mailboxes.find(cursor, piece.mailboxes)
    if not known:
        return
    names = piece.names | {"positions": list(known), "firsts": list(known.values())}
    cursor.execute(MARK_DUPLICATES, names)
    if piece.duplicate:
        cursor.execute(REDIRECT_DUPLICATES, names)
    piece.duplicate += len(known)
    piece.mailboxes = {mailbox: at for mailbox, at in piece.mailboxes.items() if at not in known}


def refuse_suppressed(cursor: CursorWrapper, piece: Piece) -> None:
    """Refuse the rows whose mailbox is on a suppression list; what repeats them stays a duplicate."""
    marked = suppression.mark(cursor, piece.job, piece.mailboxes)
    piece.suppressed = len(marked)
    piece.asked = [mailbox for mailbox, at in piece.mailboxes.items() if at not in marked]


def write_refused(cursor: CursorWrapper, piece: Piece) -> None:
    cursor.execute(CREATE_REFUSED)
    with cursor.copy(COPY_REFUSED) as pipe:
        pipe.set_types(REFUSED_TYPES)
        for row in piece.refused:
            pipe.write_row(row)
    cursor.execute(INSERT_REFUSED, piece.names)
    cursor.execute("DROP TABLE refused")


def cut(cursor: CursorWrapper, piece: Piece, *, first: int, size: int) -> None:
    """Cut the rows from a position to the end of a piece into batches that follow the domain."""
    due = HELD_UNTIL if piece.job.is_held else None
    cursor.execute(INSERT_BATCHES, piece.names | {"first": first, "size": size, "due": due})


def count(cursor: CursorWrapper, job: Job, piece: Piece, *, last: bool) -> None:
    """Count a piece in its job, whose row the caller has locked, and tell the feed of it.

    The first piece sets the job to work; the `last` one lets it end, at once when nothing of it waits.  One that is
    held waits for its start then.
    """
    job.total += piece.total
    job.waiting += piece.taken
    job.refused += len(piece.refused) + piece.not_wanted
    job.duplicate += piece.duplicate
    if piece.total > piece.taken:
        cursor.execute(INSERT_DROPPED, piece.names | {"type": EventType.DROPPED.value, "seq": job.event_seq})
        job.event_seq += piece.total - piece.taken
    job.is_reading = job.is_reading and not last
    if not job.is_held:
        set_to_work(cursor, job, last=last)
    elif last:
        job.status = JobStatus.READY
    if piece.refused:
        reasons = Counter(row[1] for row in piece.refused)
        cursor.execute(ADD_TALLIES, piece.names | {"reasons": list(reasons), "counts": list(reasons.values())})
    job.save(
        update_fields=[
            *("total", "waiting", "refused", "duplicate", "event_seq", "status", "started_at", "finished_at"),
            *("is_reading", "rows_cut"),
        ]
    )


def set_to_work(cursor: CursorWrapper, job: Job, *, last: bool) -> None:
    """Note that work on a job begins, if it had not, and with its last row read what comes after that."""
    cursor.execute("SELECT now()")
    (now,) = cursor.fetchone()
    if job.started_at is None:
        job.started_at = now
        note(cursor, job, EventType.STARTED, "PROCESSING_STARTED")
    if last and not job.waiting:
        job.status, job.finished_at = JobStatus.FINISHED, now
        note(cursor, job, EventType.PROCESSED, "PROCESSING_FINISHED")
        cursor.execute(job_mails.NOTE_DONE, {"job_id": job.pk})
    elif last and job.status == JobStatus.PARSING:
        job.status = JobStatus.RUNNING


def note(cursor: CursorWrapper, job: Job, kind: EventType, sub_type: str) -> None:
    """Add an entry about the whole job to its feed."""
    job.event_seq += 1
    names: dict[str, Any] = {
        "job": job.pk,
        "account": job.account_id,
        "type": kind.value,
        "sub_type": sub_type,
        "seq": job.event_seq,
    }
    cursor.execute(INSERT_NOTE, names)
