"""In development the portal's own mail goes into a folder, where staff read it; nothing leaves the machine."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage as Parsed
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

KEPT = 200  # the newest


@dataclass(frozen=True)
class Letter:
    """A mail in the folder; `name` sorts by age."""

    name: str
    sent_to: str
    subject: str
    sent_at: datetime | None
    text: str
    html: str


class Mailbox(BaseEmailBackend):
    """Django's hook for sending mail."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            keep(message.message().as_bytes())
        return len(email_messages)


def folder() -> Path:
    return Path(settings.PORTAL_DATA) / "mail"


def keep(content: bytes) -> None:
    """Put a mail into the folder, and take the oldest ones out."""
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = place / f"{time.time_ns():020}-{secrets.token_hex(4)}.eml"
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(content)
    unfinished.rename(path)
    for old in sorted(place.glob("*.eml"))[:-KEPT]:
        old.unlink(missing_ok=True)


def letters() -> list[Letter]:
    """Give all mails, newest first."""
    found = (read(path.stem) for path in sorted(folder().glob("*.eml"), reverse=True))
    return [letter for letter in found if letter is not None]


def read(name: str) -> Letter | None:
    """Give a mail; None when there is none of that name."""
    path = next((path for path in folder().glob("*.eml") if path.stem == name), None)
    try:
        content = path.read_bytes() if path else None
    except FileNotFoundError:  # taken out meanwhile
        content = None
    if content is None:
        return None
    parsed = message_from_bytes(content, policy=policy.default)
    assert isinstance(parsed, Parsed)
    return Letter(
        name=name,
        sent_to=str(parsed["To"]),
        subject=str(parsed["Subject"]),
        sent_at=_moment(str(parsed["Date"])),
        text=_part(parsed, "plain"),
        html=_part(parsed, "html"),
    )


def _part(parsed: Parsed, kind: Literal["plain", "html"]) -> str:
    body = parsed.get_body((kind,))
    return str(body.get_content()) if body else ""


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
