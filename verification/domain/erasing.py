"""Where a person's address may stand in an account, and how it goes from there.

The account is looked through block by block, in Python, because only the engine knows when two texts are one mailbox.
A block is read without locks; the few rows found are changed in one short transaction.  Rows stay, so that counters,
positions and verdicts hold: they lose the address, everything else that came with it, and the evidence.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.models import Account, FeatureRequest
from verification.domain import bounces, jobs, prepared, suppression, uploads, workbooks
from verification.domain.failpoints import failpoint
from verification.domain.known import digest_of_mailbox
from verification.domain.list_text import ListRefused, text_lines
from verification.domain.person import ERASED, Person
from verification.models import Check, CheckResult, IdempotencyRecord, Job, KnownMailbox, Suppression, Upload

BLOCK_ROWS = 5_000
BLOCK_JOBS = 500

_ROWS = """
SELECT c.id, c.job_id, c.created_at, c.address, c.original, c.reference, r.normalized, r.did_you_mean
FROM verification_check c LEFT JOIN verification_checkresult r ON r.check_row_id = c.id
"""
ROWS_OF_JOBS = _ROWS + "WHERE c.job_id = ANY(%(jobs)s) AND c.position >= %(first)s AND c.position < %(end)s"
ROWS_OF_CALLS = (
    _ROWS
    + """
WHERE c.account_id = %(account)s AND c.job_id IS NULL
  AND c.created_at >= %(since)s AND (c.created_at, c.id) > (%(since)s, %(after)s)
ORDER BY c.created_at, c.id LIMIT %(limit)s
"""
)
# A repeated erasure finds nothing, so counts are of rows that really changed.
BLANK_CHECKS = f"""
UPDATE verification_check
SET address = '{ERASED}', domain = '', reference = '',
    original = CASE WHEN original IS NOT NULL THEN array_fill(''::text, ARRAY[cardinality(original)]) END
WHERE id = ANY(%(ids)s) AND address <> '{ERASED}'
"""  # a constant
BLANK_RESULTS = """
UPDATE verification_checkresult SET normalized = '', did_you_mean = '', evidence = '{}'
WHERE check_row_id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was erased, as on the receipt."""

    checks: int = 0
    mentions: int = 0
    results: int = 0
    memories: int = 0
    uploads: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A check, with the texts of it that may hold an address."""

    id: int
    job_id: UUID | None
    created_at: datetime
    address: str
    original: list[str] | None
    reference: str
    normalized: str | None
    did_you_mean: str | None

    def is_of(self, who: Person) -> bool:
        return who.is_in(self.address) or (self.normalized or "").casefold() in who.names

    def mentions(self, who: Person) -> bool:
        return who.is_in_any(self.original) or who.is_in_any((self.reference, self.did_you_mean or ""))


class Block(ABC):
    """A part of what an account has."""

    @abstractmethod
    def erase(self, who: Person) -> Counts | None:
        """Erase a person in it, in the caller's transaction.  None: it has to be looked through again later."""


def blocks(account: Account) -> Iterator[Block]:
    """Give everything of an account that is there now."""
    yield from (WaitingList(pk) for pk in Upload.objects.filter(account=account, job=None).values_list("pk", flat=True))
    held = Upload.objects.filter(account=account, job__is_held=True, job__is_reading=False)
    yield from (KeptFile(pk) for pk in held.values_list("pk", flat=True))
    yield from of_jobs(account)
    yield from calls(account)
    yield from suppressed(account)
    yield Bounced(account)
    yield Notes(account)
    yield Prepared(account)


def of_jobs(account: Account) -> Iterator[Block]:
    """Give the jobs: their names, and their rows, those of small ones together."""
    jobs_now = Job.objects.filter(account=account).order_by("created_at", "pk")
    numbers = list(jobs_now.values_list("pk", "total", "is_reading"))
    if any(is_reading for _, _, is_reading in numbers):
        yield BeingRead()
    for first in range(0, len(numbers), BLOCK_JOBS):
        yield Names(tuple(pk for pk, _, _ in numbers[first : first + BLOCK_JOBS]))
    small: list[UUID] = []
    rows = 0
    for pk, total, _ in numbers:
        if total > BLOCK_ROWS:
            yield from (Rows((pk,), first) for first in range(0, total, BLOCK_ROWS))
            continue
        small.append(pk)
        rows += total
        if rows >= BLOCK_ROWS or len(small) == BLOCK_JOBS:
            yield Rows(tuple(small), 0)
            small, rows = [], 0
    yield Rows(tuple(small), 0)


def calls(account: Account) -> Iterator[Block]:
    """Give the single checks, oldest first."""
    since, after = datetime(1970, 1, 1, tzinfo=UTC), 0
    while True:
        values = {"account": account.pk, "since": since, "after": after, "limit": BLOCK_ROWS}
        found = fetch(ROWS_OF_CALLS, values)
        yield Calls(found)
        if len(found) < BLOCK_ROWS:
            return
        since, after = found[-1].created_at, found[-1].id


def fetch(statement: str, values: dict[str, Any]) -> list[Found]:  # Any: SQL parameters
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Found(*row) for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Rows(Block):
    """Rows of jobs: of several small ones, or 5,000 of a long one."""

    job_ids: tuple[UUID, ...]
    first: int

    def erase(self, who: Person) -> Counts | None:
        values = {"jobs": list(self.job_ids), "first": self.first, "end": self.first + BLOCK_ROWS}
        return erase_found(fetch(ROWS_OF_JOBS, values), who)


@dataclass(frozen=True, slots=True)
class Calls(Block):
    """Single checks."""

    found: list[Found]

    def erase(self, who: Person) -> Counts | None:
        return erase_found(self.found, who)


def erase_found(found: list[Found], who: Person) -> Counts | None:
    theirs = [row for row in found if row.is_of(who)]
    numbers = {row.id for row in theirs}
    mentioned = [row for row in found if row.id not in numbers and row.mentions(who)]
    counts = erase_rows(theirs)
    for row in mentioned:
        remove_mentions(row, who)
    failpoint("erased_before_commit")
    return Counts(counts.checks, len(mentioned), counts.results, counts.memories)


def erase_rows(theirs: list[Found]) -> Counts:
    """Blank checks and their results; those that wait to be asked are taken out of their jobs first.

    Those of lists that are still read stay for now, see BeingRead.
    """
    if not theirs:
        return Counts()
    read = Job.objects.filter(is_reading=False).in_bulk({row.job_id for row in theirs if row.job_id})
    numbers = [row.id for row in theirs if row.job_id is None or row.job_id in read]
    for job in read.values():
        jobs.withdraw(job=job, check_ids=[row.id for row in theirs if row.job_id == job.pk])
    with connection.cursor() as cursor:
        cursor.execute(BLANK_CHECKS, {"ids": numbers})
        checks = cursor.rowcount
        cursor.execute(BLANK_RESULTS, {"ids": numbers})
        results = cursor.rowcount
    known = KnownMailbox.objects.filter(check_row__in=numbers)
    for account_id, digest in known.values_list("account_id", "digest"):
        bounces.forget(account_id, [bytes(digest)])
    memories, _ = known.delete()
    return Counts(checks=checks, results=results, memories=memories)


def remove_mentions(row: Found, who: Person) -> None:
    """Take the address out of another person's row."""
    Check.objects.filter(pk=row.id).update(
        original=None if row.original is None else who.without(row.original),
        reference=ERASED if who.is_in(row.reference) else row.reference,
    )
    if who.is_in(row.did_you_mean or ""):
        CheckResult.objects.filter(pk=row.id).update(did_you_mean="")


@dataclass(frozen=True, slots=True)
class BeingRead(Block):
    """A list whose file is still read: its rows to come may hold the address."""

    def erase(self, who: Person) -> Counts | None:  # noqa: ARG002
        return None


@dataclass(frozen=True, slots=True)
class Names(Block):
    """What jobs and their lists are called, their columns and the previews."""

    job_ids: tuple[UUID, ...]

    def erase(self, who: Person) -> Counts | None:
        found = Job.objects.select_related("upload").filter(pk__in=self.job_ids)
        return Counts(mentions=sum(erase_names(job, who) for job in found))


def erase_names(job: Job, who: Person) -> int:
    """Take the address out of what is said of a job; gives how many texts held it."""
    mentions = rename(job, ("name", "reference_job", "cost_center", "campaign_id", "fault"), who)
    upload = job.upload
    if upload is None:
        return mentions
    mentions += rename(upload, ("filename", "sheet"), who)
    if who.is_in_any(upload.sheets):
        upload.sheets = who.without(upload.sheets)
        upload.save(update_fields=["sheets"])
        mentions += 1
    if any(who.is_in_any(cells) for cells in upload.sample):
        upload.sample = [[""] * len(cells) if who.is_in_any(cells) else cells for cells in upload.sample]
        upload.save(update_fields=["sample"])
        mentions += 1
    return mentions


def rename(row: Job | Upload, fields: tuple[str, ...], who: Person) -> int:
    """Replace texts and headers that hold the address; gives how many there were."""
    changed = [name for name in fields if who.is_in(getattr(row, name), name=True)]
    for name in changed:
        setattr(row, name, ERASED)
    if who.is_in_any(row.columns):
        row.columns = who.without(row.columns)
        changed.append("columns")
    if changed:
        row.save(update_fields=changed)
    return len(changed)


@dataclass(frozen=True, slots=True)
class WaitingList(Block):
    """A list that was brought and not started: it goes as a whole when the address is in it."""

    upload_id: UUID

    def erase(self, who: Person) -> Counts | None:
        upload = Upload.objects.select_for_update(of=("self",)).filter(pk=self.upload_id, job=None).first()
        if upload is None or not holds(upload, who):
            return Counts()
        uploads.forget_file(upload)
        upload.delete()
        return Counts(uploads=1)


@dataclass(frozen=True, slots=True)
class KeptFile(Block):
    """The file of a list that is counted and not started: it goes, and the list is not read another way any more."""

    upload_id: UUID

    def erase(self, who: Person) -> Counts | None:
        upload = Upload.objects.select_for_update(of=("self",)).filter(pk=self.upload_id).first()
        if upload is not None and upload.path.exists() and holds(upload, who):
            uploads.forget_file(upload)
        return Counts()


def holds(upload: Upload, who: Person) -> bool:
    """Tell whether a list holds the address; where its file is on another machine, what is known of it must do."""
    known = (upload.columns, upload.sheets, *upload.sample)
    if who.is_in(upload.filename, name=True) or any(who.is_in_any(cells) for cells in known):
        return True
    with suppress(FileNotFoundError, ListRefused):
        if any(line_holds(line, who) for line in text_lines(upload.path, upload.encoding)):
            return True
    return any(sheet_holds(upload, sheet, who) for sheet in upload.sheets)


def sheet_holds(upload: Upload, sheet: str, who: Person) -> bool:
    with suppress(FileNotFoundError, ListRefused):
        return any(who.is_in_any(cells) for cells in workbooks.rows(upload.workbook, sheet))
    return False


def line_holds(line: str, who: Person) -> bool:
    return "@" in line and (who.is_in(line) or any(map(who.is_in, line.replace(";", ",").split(","))))


def suppressed(account: Account) -> Iterator[Block]:
    """Give the account's suppression list."""
    after = 0
    while numbers := list(
        Suppression.objects.of(account)
        .filter(pk__gt=after, erased=False)
        .order_by("pk")
        .values_list("pk", flat=True)[:BLOCK_ROWS]
    ):
        yield Suppressed(account, tuple(numbers))
        after = numbers[-1]


@dataclass(frozen=True, slots=True)
class Suppressed(Block):
    """Entries of the suppression list: a hash stays, so that nobody writes to whom it was promised not to."""

    account: Account
    numbers: tuple[int, ...]

    def erase(self, who: Person) -> Counts | None:
        entries = Suppression.objects.of(self.account).filter(pk__in=self.numbers)
        theirs = [entry for entry in entries if who.owns(entry.mailbox) or who.is_in(entry.reason)]
        memories = 0
        for entry in theirs:
            if who.owns(entry.mailbox):
                memories += 1
                bounces.forget(self.account.pk, [digest_in(self.account, entry.mailbox)])
                suppression.forget_person(entry, self.account)
            else:
                Suppression.objects.filter(pk=entry.pk).update(reason=ERASED)
        return Counts(mentions=len(theirs) - memories, memories=memories)


@dataclass(frozen=True, slots=True)
class Bounced(Block):
    """Facts of bounces stay, and no longer say of which mailbox: not even by a hash of a spelling we know."""

    account: Account

    def erase(self, who: Person) -> Counts | None:
        digests = [digest_in(self.account, name) for name in who.names]
        return Counts(memories=bounces.forget(self.account.pk, digests))


def digest_in(account: Account, mailbox: str) -> bytes:
    return digest_of_mailbox(mailbox, hash_key=bytes(account.hash_key))


@dataclass(frozen=True, slots=True)
class Notes(Block):
    """Answers kept to be given again, and what was written to staff."""

    account: Account

    def erase(self, who: Person) -> Counts | None:
        kept = IdempotencyRecord.objects.filter(account=self.account, answer__contains="@").values_list("pk", "answer")
        memories = [pk for pk, answer in kept.iterator() if who.is_in_any(texts_of(json.loads(answer)))]
        IdempotencyRecord.objects.filter(pk__in=memories).delete()
        notes = FeatureRequest.objects.filter(account=self.account, note__contains="@")
        mentions = [note.pk for note in notes if who.is_in(note.note)]
        FeatureRequest.objects.filter(pk__in=mentions).update(note=ERASED)
        return Counts(mentions=len(mentions), memories=len(memories))


@dataclass(frozen=True, slots=True)
class Prepared(Block):
    """Downloads that were prepared: all of them go, those under way too, as the last part of an erasure.

    What is prepared from then on is of rows without the address.
    """

    account: Account

    def erase(self, who: Person) -> Counts | None:  # noqa: ARG002
        prepared.forget_all_of(self.account)
        return Counts()


def texts_of(document: Any) -> list[str]:  # Any: JSON
    """Give every string of a document."""
    if isinstance(document, str):
        return [document]
    members = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    return [text for member in members for text in texts_of(member)]
