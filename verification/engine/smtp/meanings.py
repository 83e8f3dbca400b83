"""What a reply says of the recipient: code and enhanced code first, the text last (table.py, phrases.py)."""

from __future__ import annotations

from functools import lru_cache

from verification.engine.smtp.phrases import Subject, asks_for_tls, plain, subjects
from verification.engine.smtp.replies import Reply
from verification.engine.smtp.table import TABLE
from verification.engine.types import Meaning, Stage

_AGAINST_THE_ADDRESS = frozenset({Meaning.NO_MAILBOX, Meaning.MAILBOX_FULL, Meaning.NO_SMTPUTF8})
TOO_MANY_RECIPIENTS = "5.3"  # RFC 3463 section 3.6
TLS_DEMANDED = 530  # RFC 3207 section 4
ENCRYPTION_NEEDED = "7.10"  # RFC 5248 section 2.4


def read(reply: Reply, stage: Stage = Stage.RCPT) -> Meaning:
    """Give what a reply at a stage says of the recipient it is meant for."""
    if reply.contradicts:
        return Meaning.UNCLEAR
    if reply.code in (250, 251):
        return Meaning.ACCEPTED if stage is Stage.RCPT else Meaning.UNCLEAR
    if reply.code == 252:
        return Meaning.POLICY  # RFC 5321 section 3.5.3: cannot verify, by configuration
    if reply.code < 400:
        return Meaning.UNCLEAR
    meaning = _look_up(reply.code, _detail(reply), plain(reply.text), stage)
    if reply.damaged and meaning in _AGAINST_THE_ADDRESS:
        return Meaning.UNCLEAR
    return meaning


def wants_fewer(reply: Reply) -> bool:
    """Tell whether the server takes no more recipients in this transaction; it says nothing of this one."""
    if reply.code not in (451, 452, 552):  # 552: RFC 5321 section 4.5.3.1.10
        return False
    return _detail(reply) == TOO_MANY_RECIPIENTS or Subject.TOO_MANY in subjects(plain(reply.text))


def wants_tls(reply: Reply) -> bool:
    """Tell whether the server would rather be asked over TLS; many say so with a code of their own choice."""
    if reply.code < 400:
        return False
    detail = _detail(reply)
    if reply.code == TLS_DEMANDED or detail == ENCRYPTION_NEEDED:
        return True
    return not detail.startswith(("1.", "2.")) and asks_for_tls(plain(reply.text))


def _detail(reply: Reply) -> str:
    """Give subject and detail of the enhanced code; "?" when its class contradicts the code."""
    detail = reply.enhanced[2:]
    if reply.enhanced and reply.enhanced[0] != str(reply.code)[0] and detail != "2.2":
        return "?"
    return detail


@lru_cache(maxsize=4096)
def _look_up(code: int, detail: str, text: str, stage: Stage) -> Meaning:
    spoken = subjects(text)
    return next((row.meaning for row in TABLE if row.fits(code, detail, spoken, stage)), Meaning.UNCLEAR)
