"""Files brought on the page of the suppression list: CSV, bounce mails (.eml), and boxes of them (.mbox)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from accounts.models import Account, LicenseKey, User
from verification.domain import bounce_mail, bounces, suppression_csv
from verification.domain.bounce_reading import MOST_REPORTS, NotABounce, Row, Unreadable
from verification.domain.suppression_csv import FileRefused
from verification.domain.suppression_list import ListFull

MOST_FILES = 100
LONGEST_NAME = 100
BOX_LINE = 64 * 1024  # of a line in a box of mails, at most
SEPARATOR = b"From "  # begins a mail in a box, behind a blank line: RFC 4155


class File(Protocol):
    def readline(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file; `told` names the first 100 rows that changed nothing, `fault` why nothing was taken."""

    name: str
    added: int = 0
    known: int = 0
    ignored: int = 0
    refused: int = 0
    told: tuple[tuple[str, str], ...] = ()
    fault: str = ""


def take_in(
    *, account: Account, files: Iterable[tuple[str, File]], actor: User | LicenseKey, now: datetime
) -> list[Brought]:
    """Put what files hold on the account's list, each file as a whole or not at all."""
    outcomes = []
    for name, file in files:
        try:
            outcome = reader_of(name)(account, file, actor, now)
        except (FileRefused, NotABounce, ListFull) as refusal:
            outcome = Brought("", fault=str(refusal))
        outcomes.append(replace(outcome, name=name[-LONGEST_NAME:]))
    return outcomes


Reader = Callable[[Account, File, User | LicenseKey, datetime], Brought]


def reader_of(name: str) -> Reader:
    """Give how to read a file, by the end of its name."""
    ending = name.lower().rpartition(".")[2]
    return {"eml": take_mail, "mbox": take_box, "mbx": take_box}.get(ending, take_csv)


def take_csv(account: Account, file: File, actor: User | LicenseKey, now: datetime) -> Brought:  # Reader
    outcome = suppression_csv.take_in(account=account, read_line=file.readline, actor=actor)
    told = tuple((f"Line {line}", why) for line, why in outcome.refused)
    return Brought("", added=outcome.added, known=outcome.known, refused=outcome.refused_count, told=told)


def take_mail(account: Account, file: File, actor: User | LicenseKey, now: datetime) -> Brought:
    return take_rows(account, [("Recipient", row) for row in bounce_mail.read(whole(file))], actor, now)


def take_box(account: Account, file: File, actor: User | LicenseKey, now: datetime) -> Brought:
    rows: list[tuple[str, Row]] = []
    for number, mail in enumerate(mails_in(file), start=1):
        try:
            found: list[Row] = bounce_mail.read(mail)
        except NotABounce as fault:
            found = [Unreadable(str(fault))]
        rows.extend((f"Mail {number}", row) for row in found)
        if len(rows) > MOST_REPORTS:
            raise FileRefused(f"A file reports {MOST_REPORTS:,} bounces at most.")
    if not rows:
        raise FileRefused("There is no mail in it: each begins with a line “From …”.")
    return take_rows(account, rows, actor, now)


def take_rows(account: Account, rows: list[tuple[str, Row]], actor: User | LicenseKey, now: datetime) -> Brought:
    taken = bounces.take_in(account=account, rows=[row for _, row in rows], actor=actor, now=now)
    named = sorted([*taken.refused, *taken.ignored])[: bounces.NAMED]
    places = {
        number: place if place != "Recipient" else f"{place} {number}" for number, (place, _) in enumerate(rows, 1)
    }
    return Brought(
        "",
        added=taken.added,
        known=taken.known,
        ignored=taken.ignored_count,
        refused=taken.refused_count,
        told=tuple((places[number], why) for number, why in named),
    )


def whole(file: File) -> bytes:
    """Read a mail.  Raises NotABounce when it is too long."""
    pieces, size = [], 0
    while line := file.readline(BOX_LINE):
        size += len(line)
        if size > bounce_mail.MOST_BYTES:
            raise NotABounce(f"A mail has {bounce_mail.MOST_BYTES:,} bytes at most.")
        pieces.append(line)
    return b"".join(pieces)


def mails_in(file: File) -> Iterator[bytes]:
    """Cut a box into its mails; of one that is too long comes so much that it is refused."""
    mail: list[bytes] | None = None
    size, is_blank = 0, True
    while line := file.readline(BOX_LINE):
        if is_blank and line.startswith(SEPARATOR):
            if mail is not None:
                yield b"".join(mail)
            mail, size = [], 0
        elif mail is not None and size <= bounce_mail.MOST_BYTES:
            mail.append(line)
            size += len(line)
        is_blank = line in (b"\n", b"\r\n")
    if mail is not None:
        yield b"".join(mail)
