"""A suppression list as a CSV file: read in, and given out.  docs/suppression.md"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db import connection, transaction

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, LicenseKey, User
from verification.domain.cells import guard, unguard
from verification.domain.exports import encoded
from verification.domain.suppression_list import Entry, Unfit, entry_of, write
from verification.models import Suppression, SuppressionKind, SuppressionSource

MOST_ROWS = 200_000
LONGEST_LINE = 4_000  # bytes
BLOCK_ROWS = 5_000
NAMED = 100  # refused rows that are told one by one
COLUMNS = ("email", "kind", "reason", "source", "added", "until")


class FileRefused(ValueError):
    """A file that cannot be read; nothing of it was kept."""


@dataclass(slots=True)
class Imported:
    """What became of a file's rows; `refused` names the first 100 of them with their line."""

    added: int = 0
    known: int = 0
    refused_count: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)

    def refuse(self, line: int, why: str) -> None:
        self.refused_count += 1
        if len(self.refused) < NAMED:
            self.refused.append((line, why))


@transaction.atomic
def take_in(*, account: Account, read_line: Callable[[int], bytes], actor: User | LicenseKey) -> Imported:
    """Put the addresses of a file on the account's list; `read_line` gives so many bytes of the next line at most.

    Raises FileRefused, ListFull; then nothing was kept.
    """
    outcome, waiting = Imported(), list[Entry]()
    with connection.cursor() as cursor:

        def flush() -> None:
            written = write(cursor, account, waiting, SuppressionSource.CSV)
            new = sum(is_new for _, is_new in written)
            outcome.added += new
            outcome.known += len(waiting) - new
            waiting.clear()

        for line, cells in rows_of(read_line):
            try:
                waiting.append(entry_of(*cells))
            except Unfit as fault:
                outcome.refuse(line, str(fault))
            if len(waiting) == BLOCK_ROWS:
                flush()
        if waiting:
            flush()
    counts = {"added": outcome.added, "known": outcome.known, "refused": outcome.refused_count}
    audit.record(
        action=Action.SUPPRESSION_IMPORTED, actor=actor, target=account, account=account, after=counts, label=""
    )
    return outcome


def rows_of(read_line: Callable[[int], bytes]) -> Iterator[tuple[int, list[str]]]:
    """Give address, kind and reason of each row that is not blank, with its line.  Raises FileRefused."""
    places, ours, rows = [0, 1, 2], False, 0
    for line, text in lines_of(read_line):
        try:
            cells = next(csv.reader([text], strict=True), [])
        except csv.Error as fault:
            raise FileRefused(f"Line {line}: {fault}.") from fault
        if not any(cell.strip() for cell in cells):
            continue
        names = [cell.strip().lower() for cell in cells]
        if not rows and "email" in names:
            places = [names.index(name) if name in names else -1 for name in COLUMNS[:3]]
            ours = tuple(names) == COLUMNS
            continue
        rows += 1
        if rows > MOST_ROWS:
            raise FileRefused(f"A file has {MOST_ROWS:,} rows at most.")
        wanted = [cells[place].strip() if 0 <= place < len(cells) else "" for place in places]
        email, kind, reason = (unguard(cell) if ours else cell for cell in wanted)
        yield line, [email, kind.lower() or SuppressionKind.HAND, reason]


def lines_of(read_line: Callable[[int], bytes]) -> Iterator[tuple[int, str]]:
    number = 0
    while read := read_line(LONGEST_LINE + 1):
        number += 1
        if len(read) > LONGEST_LINE:
            raise FileRefused(f"Line {number} has more than {LONGEST_LINE:,} bytes.")
        try:
            text = read.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as fault:
            raise FileRefused(f"Line {number} is not in UTF-8.") from fault
        if "\x00" in text:
            raise FileRefused(f"Line {number} holds a NUL.")
        yield number, text.rstrip("\r\n")


def give_out(*, account: Account) -> Iterator[bytes]:
    """Give the account's list as CSV, piece by piece, oldest first; hashes of the erased are left out."""
    yield encoded([list(COLUMNS)])
    after = 0
    while True:
        found = Suppression.objects.of(account).filter(erased=False, pk__gt=after).order_by("pk")
        rows = list(found[:BLOCK_ROWS])
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        if not rows:
            return
        yield encoded(cells_of(row) for row in rows)
        after = rows[-1].pk


def cells_of(row: Suppression) -> list[str]:
    until = row.until.isoformat(timespec="seconds") if row.until else ""
    return [
        guard(row.mailbox),
        row.kind,
        guard(row.reason),
        row.source,
        row.added_at.isoformat(timespec="seconds"),
        until,
    ]
