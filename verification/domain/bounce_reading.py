"""What a bounce says of the mailbox: the engine's reading of the server's reply, and of the status beside it.

A refusal of the sender, of its address or of the message says nothing of the mailbox, and takes nobody off a list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from verification.engine.smtp import meanings
from verification.engine.smtp.replies import Reply, read_reply
from verification.engine.types import Meaning
from verification.models import SuppressionKind

MOST_REPORTS = 10_000  # of one document
MOST_TEXT = 2_000  # characters of a reply that are read
LONGEST_ADDRESS = 1_000
FIRST_YEAR = 2000

SENDER_REFUSED = "The sender or the message was refused, which says nothing of the mailbox."
UNDER_WAY = "The message is still under way."
NO_BOUNCE = "That is no bounce and no complaint."

_SAID = re.compile(r"(?:\A|\bsaid: )\s*([45][0-5]\d)(?=[ -])")  # "said: " is Postfix's, around what the host said
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")  # RFC 3463
_ABOUT_THE_MESSAGE = re.compile(r"(?:2\.3|3\.4|5\.[1-9]\d?|6\.\d{1,3})\Z")  # too long, or of a content not taken
# Where our customer's own server gives the reason, no other one having been asked (RFC 3463 sections 3.2 and 3.5).
_NO_SUCH_DOMAIN = frozenset({"5.1.2", "5.4.4"})

KINDS: dict[Meaning, SuppressionKind | None] = {
    Meaning.NO_MAILBOX: SuppressionKind.HARD,
    Meaning.MAILBOX_FULL: SuppressionKind.FULL,
    Meaning.SERVER_BROKEN: SuppressionKind.SOFT,
    Meaning.GREYLISTED: SuppressionKind.SOFT,  # until the sender gave up
    Meaning.WE_ARE_REFUSED: None,
    Meaning.POLICY: None,
    Meaning.NO_SMTPUTF8: None,  # the sender wrote to it in a manner that the host does not know
}


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a message to an address; `kind` None: nothing that is held against it, `why` says so."""

    address: str
    kind: SuppressionKind | None
    why: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A part of a document that reports nothing that can be read; `why` says what was wrong."""

    why: str


Row = Report | Unreadable


class NotABounce(ValueError):
    """A document that reports no bounce; str() says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Judged:
    kind: SuppressionKind | None
    why: str


def judge(*, text: str, status: str = "", unclear: SuppressionKind | None = SuppressionKind.SOFT) -> Judged:
    """Tell what a reply and a status say of the mailbox; `unclear` is what a failure counts as that gives no reason."""
    text = text[:MOST_TEXT]
    found = _STATUS.match(status)
    status = found[1] if found else ""
    reply = reply_in(text, status)
    if reply is None:
        if status in _NO_SUCH_DOMAIN:
            return Judged(SuppressionKind.HARD, f"no such domain ({status})")
        reply = by_status(text, status)
    if reply is None:
        return Judged(unclear, "failed")
    words = f"{reply.code} {reply.enhanced}".strip()
    meaning = meanings.read(reply)
    if meaning in KINDS:
        kind = KINDS[meaning]
        return Judged(kind, words if kind else SENDER_REFUSED)
    if _ABOUT_THE_MESSAGE.match(reply.enhanced[2:]):
        return Judged(None, SENDER_REFUSED)
    return Judged(unclear, words)


def reply_in(text: str, status: str) -> Reply | None:
    """Give the reply that a text holds, with the status where it has none of its own."""
    found = _SAID.search(text)
    if found is None:
        return None
    reply = read_reply([text[found.start(1) :].encode("utf-8", "replace")])
    if not reply.enhanced and status[:1] == str(reply.code)[0]:
        return Reply(reply.code, status, reply.text, reply.lines)
    return reply


def by_status(text: str, status: str) -> Reply | None:
    """Give a reply for a status that came without one."""
    return Reply(int(f"{status[0]}50"), status, text) if status[:1] in ("4", "5") else None


def report(address: object, judged: Judged, at: datetime | None) -> Row:
    """Give a row about an address, as far as that can be one."""
    if not isinstance(address, str) or not address.strip():
        return Unreadable("No recipient is named.")
    try:
        address.encode()
    except UnicodeEncodeError:
        return Unreadable("The recipient is no text that can be stored.")
    if len(address) > LONGEST_ADDRESS:
        return Unreadable("An address has 254 characters at most.")
    return Report(address.strip(), judged.kind, judged.why, at)


def date_in_mail(text: str) -> datetime | None:
    """Read a date as mails have it, None when it is none (RFC 5322 section 3.3)."""
    try:
        return _sound(parsedate_to_datetime(text[:100]))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def date_in_json(value: object) -> datetime | None:
    """Read a date as JSON has it: text of ISO 8601, or seconds since 1970."""
    try:
        if isinstance(value, str):
            return _sound(datetime.fromisoformat(value[:40]))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _sound(datetime.fromtimestamp(value, UTC))
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _sound(moment: datetime) -> datetime | None:
    """Give a moment in UTC, None for one that no bounce of ours can be of."""
    if not FIRST_YEAR <= moment.year < 9000:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
