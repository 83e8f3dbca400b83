"""Bounces as mail: delivery status notifications (RFC 3464, RFC 6533) and complaints (RFC 5965).

The stdlib reads them; what it could be kept busy with is counted before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, message_from_string
from email.message import Message
from email.policy import compat32

from verification.domain.bounce_reading import (
    MOST_REPORTS,
    UNDER_WAY,
    Judged,
    NotABounce,
    Row,
    Unreadable,
    date_in_mail,
    judge,
    report,
)
from verification.models import SuppressionKind

MOST_BYTES = 4 * 1024 * 1024
MOST_LINES = 100_000
MOST_NESTED = 40  # parts that hold parts, and messages in messages
MOST_PARTS = 200

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
COMPLAINT_TYPE = "message/feedback-report"
NOT_ABUSE = frozenset({"not-spam", "auth-failure"})  # RFC 5965 section 7.3, RFC 6591
DONE = frozenset({"delivered", "relayed", "expanded"})
ACTIONS = ("failed", "delayed", *sorted(DONE))  # RFC 3464 section 2.3.3

_NESTS = re.compile(rb"boundary|message/(?:rfc822|global|partial|external-body)", re.IGNORECASE)
_BLANK = re.compile(r"\r?\n[ \t]*\r?\n")


def read(raw: bytes) -> list[Row]:
    """Give what a mail reports, one row a recipient.  Raises NotABounce."""
    mail = parsed(raw)
    for number, part in enumerate(mail.walk()):
        if number == MOST_PARTS:
            raise NotABounce(f"A mail has {MOST_PARTS} parts at most.")
        kind = part.get_content_type()
        if kind in STATUS_TYPES:
            return statuses(blocks_of(part), sent=date_in_mail(text_of(mail, "Date")))
        if kind == COMPLAINT_TYPE:
            return complaints(blocks_of(part), sent=date_in_mail(text_of(mail, "Date")))
    raise NotABounce(
        "The mail has no part of type message/delivery-status (RFC 3464) or message/feedback-report (RFC 5965)."
    )


def parsed(raw: bytes) -> Message:
    """Parse a mail within bounds.  Raises NotABounce."""
    if len(raw) > MOST_BYTES:
        raise NotABounce(f"A mail has {MOST_BYTES:,} bytes at most.")
    if raw.count(b"\n") + raw.count(b"\r") > 2 * MOST_LINES:
        raise NotABounce(f"A mail has {MOST_LINES:,} lines at most.")
    if sum(1 for _ in _NESTS.finditer(raw)) > MOST_NESTED:
        raise NotABounce(f"A mail has {MOST_NESTED} parts in parts at most.")
    return message_from_bytes(raw, policy=compat32)  # newer policies break on some headers


def blocks_of(part: Message) -> list[Message]:
    """Give the groups of fields that a report consists of."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return [message_from_string(block, policy=compat32) for block in _BLANK.split(str(payload)) if block.strip()]
    blocks: list[Message] = [block for block in payload if isinstance(block, Message)]
    if len(blocks) == 1:  # a type the stdlib takes for a whole message: what follows is its body
        rest = blocks[0].get_payload()
        if isinstance(rest, str) and rest.strip():
            more = [message_from_string(block.lstrip(), policy=compat32) for block in _BLANK.split(rest)]
            return blocks + [block for block in more if block.keys()]
    return [block for block in blocks if block.keys()]


def text_of(message: Message, name: str) -> str:
    """Give a header on one line, "" when there is none; bytes that are no ASCII are replaced."""
    value = message.get(name)
    text = "" if value is None else str(value)
    return " ".join(text.encode("utf-8", "replace").decode().split())


def statuses(blocks: list[Message], *, sent: datetime | None) -> list[Row]:
    """Read the fields of a message and those of each recipient (RFC 3464 section 2.1)."""
    arrived, rows = None, list[Row]()
    for block in blocks:
        arrived = arrived or date_in_mail(text_of(block, "Arrival-Date"))
        if not any(text_of(block, name) for name in ("Final-Recipient", "Original-Recipient", "Action")):
            continue  # of the message
        if len(rows) == MOST_REPORTS:
            raise NotABounce(f"A report has {MOST_REPORTS:,} recipients at most.")
        at = date_in_mail(text_of(block, "Last-Attempt-Date")) or sent or arrived
        rows.append(status(block, at))
    if not rows:
        raise NotABounce("The delivery status names no recipient (RFC 3464 section 2.3).")
    return rows


def status(block: Message, at: datetime | None) -> Row:
    """Read the fields of one recipient: the address that was written to, rather than where it was forwarded."""
    address = next(filter(None, map(recipient, addresses_in(block))), "")
    action = text_of(block, "Action").partition(" ")[0].lower()
    if action not in ACTIONS:
        return Unreadable(f"Action must be one of {', '.join(ACTIONS)} (RFC 3464 section 2.3.3).")
    if action in DONE:
        return report(address, Judged(None, f"The message was {action}."), at)
    if action == "delayed":
        return report(address, Judged(None, UNDER_WAY), at)
    said = text_of(block, "Diagnostic-Code")
    text = said.partition(";")[2].strip() if ";" in said else said
    if not (text_of(block, "Status") or text):
        return Unreadable("There is neither a Status nor a Diagnostic-Code (RFC 3464 section 2.3).")
    return report(address, judge(text=text, status=text_of(block, "Status")), at)


def addresses_in(block: Message) -> Iterator[str]:
    yield text_of(block, "Original-Recipient")
    yield text_of(block, "Final-Recipient")


def recipient(field: str) -> str:
    """Give the address of "rfc822;someone@ok.test", "" where it is of another kind."""
    kind, separator, address = field.partition(";")
    if not separator:
        return field if "@" in field else ""
    if kind.strip().lower() not in ("rfc822", "utf-8", "smtp"):
        return ""
    return re.sub(r"\\x\{([0-9A-Fa-f]{2,6})\}", in_unicode, address.strip()).removeprefix("<").removesuffix(">")


def in_unicode(escaped: re.Match[str]) -> str:
    """Give the character of \\x{E9} (RFC 6533 section 3)."""
    number = int(escaped[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def complaints(blocks: list[Message], *, sent: datetime | None) -> list[Row]:
    """Read a complaint; providers that hide the recipient name nobody (RFC 5965 section 3.2)."""
    fields = blocks[0] if blocks else Message()
    at = date_in_mail(text_of(fields, "Arrival-Date")) or date_in_mail(text_of(fields, "Received-Date")) or sent
    abuse = text_of(fields, "Feedback-Type").lower()
    told = (
        Judged(None, f"A report of {abuse} is no complaint.")
        if abuse in NOT_ABUSE
        else Judged(SuppressionKind.HAND, "complaint")
    )
    named = [str(value) for value in fields.get_all("Original-Rcpt-To", [])][:MOST_REPORTS]
    if not named:
        raise NotABounce("The complaint names no Original-Rcpt-To (RFC 5965 section 3.2).")
    return [report(" ".join(address.split()).strip("<>"), told, at) for address in named]
