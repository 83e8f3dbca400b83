"""What a session heard, and how it ended, as outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from verification.engine.smtp import meanings
from verification.engine.smtp.client import Session
from verification.engine.smtp.dialogue import Heard, Recipient
from verification.engine.smtp.queue import Inquiry, Outcome
from verification.engine.smtp.replies import Reply
from verification.engine.types import Meaning, Stage

MAX_TRIES = 5  # of one recipient at one address


@dataclass(slots=True)
class Sifted:
    """A group's answers: what is said of the recipients, apart from what is said of the connection in their places."""

    told: list[tuple[Inquiry, Outcome]] = field(default_factory=list)
    again: list[Inquiry] = field(default_factory=list)
    wants_smaller_groups: bool = False
    refused: bool = True  # nobody was answered, we were refused each time
    limit_reached: bool = False  # we were refused after others had been answered
    errors: int = 0  # recipients refused on the connection before


def sift(session: Session, answers: Sequence[Heard]) -> Sifted:
    """Tell limits of the connection from answers, as long as asking again may help."""
    sifted = Sifted(errors=session.dialogue.errors - sum(heard.reply.code >= 400 for heard in answers))
    others = session.served > len(answers)
    for heard in answers:
        inquiry = inquiry_of(heard.recipient)
        outcome = told(session, Stage.RCPT, heard.reply)
        is_refusal = outcome.meaning is Meaning.WE_ARE_REFUSED
        may_try = inquiry.tries < MAX_TRIES
        if may_try and meanings.wants_fewer(heard.reply):
            sifted.wants_smaller_groups = True
            sifted.again.append(inquiry)
        elif may_try and is_refusal and others:
            sifted.limit_reached = True
            sifted.again.append(inquiry)
        else:
            sifted.told.append((inquiry, outcome))
            sifted.refused &= is_refusal
            others |= not is_refusal
            sifted.errors += heard.reply.code >= 400 and not sifted.limit_reached
    return sifted


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
