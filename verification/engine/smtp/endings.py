"""What a session heard, and how it ended, as outcomes."""

from __future__ import annotations

from typing import cast

from verification.engine.smtp import meanings
from verification.engine.smtp.client import Session
from verification.engine.smtp.dialogue import Recipient
from verification.engine.smtp.queue import Inquiry, Outcome
from verification.engine.smtp.replies import Reply
from verification.engine.types import Stage


def left_by(session: Session) -> list[Inquiry]:
    """Give those the session asked for and got no answer of."""
    return [inquiry_of(recipient) for recipient in session.unanswered]


def inquiry_of(recipient: Recipient) -> Inquiry:
    return cast("Inquiry", recipient)


def told(session: Session, stage: Stage, reply: Reply) -> Outcome:
    """Say what a reply means."""
    return Outcome(stage, reply, meaning=meanings.read(reply, stage), source=session.source, tls=session.tls)


def ending(session: Session) -> Outcome | None:
    """Say how a session ended; None: by our goodbye."""
    if session.dialogue.refusal is not None:
        return told(session, *session.dialogue.refusal)
    if not session.trouble:
        return None
    return Outcome(session.trouble_stage, trouble=session.trouble, source=session.source, tls=session.tls)
