"""The dialogue with a mail server (RFC 5321), without sockets: it hears replies and says what to send.

EHLO goes alone; then MAIL and the RCPTs of a group in one write where PIPELINING is offered (RFC 2920), step by step
where not; then RSET and the next group, or QUIT.  The last group takes its QUIT along: its 221 is like no answer to a
recipient, so one reply too many or too few before it shows.  Never DATA.  STARTTLS only where the server demands it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from verification.engine.smtp import commands, meanings
from verification.engine.smtp.replies import Reply
from verification.engine.types import Stage

GOODBYE = 221
SHUTTING_DOWN = 421  # RFC 5321 section 3.8: in reply to any command
UNKNOWN_COMMAND = frozenset({500, 502})  # RFC 5321 section 4.2.4: in reply to EHLO no refusal of us


class Phase(Enum):
    """Where the dialogue stands, for the one who owns the connection."""

    OPENING = "opening"
    HANDSHAKE = "handshake"  # start TLS, then call `secured`
    READY = "ready"  # call `ask` or `quit`
    ASKING = "asking"
    QUITTING = "quitting"
    OVER = "over"  # close the connection


class Recipient(Protocol):
    """Somebody to ask for: the whole RCPT line, made by commands.recipient."""

    @property
    def line(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What the server said of one recipient."""

    recipient: Recipient
    reply: Reply


class OutOfStep(Exception):
    """A reply came that no command had asked for."""


_OFFERS = frozenset({"PIPELINING", "SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH", "DSN", "SMTPUTF8"})
_Step = tuple[str, bytes, Recipient | None]
_QUIT: _Step = (commands.QUIT, commands.bare(commands.QUIT), None)
_STAGES = {
    "": Stage.GREETING,
    commands.EHLO: Stage.EHLO,
    commands.HELO: Stage.EHLO,
    commands.STARTTLS: Stage.STARTTLS,
    commands.MAIL: Stage.MAIL,
    commands.RCPT: Stage.RCPT,
    commands.RSET: Stage.MAIL,
    commands.QUIT: Stage.RCPT,
}


class Dialogue:
    """One connection's dialogue.  Call `hear` per reply, then `speak` for what to send."""

    __slots__ = (
        "_asked",
        "_expected",
        "_helo",
        "_in_transaction",
        "_mail",
        "_mail_refused",
        "_quits_along",
        "_script",
        "_stepwise",
        "_tls",
        "errors",
        "offers",
        "phase",
        "refusal",
    )

    def __init__(self, helo: str, *, starts_tls: bool = False, stepwise: bool = False) -> None:
        self.phase = Phase.OPENING
        self.offers: frozenset[str] = frozenset()
        self.errors = 0  # commands refused on this connection
        self.refusal: tuple[Stage, Reply] | None = None  # of the whole connection
        self._helo = helo
        self._stepwise = stepwise
        self._tls = "wanted" if starts_tls else ""  # then "demanded", "secured"
        self._expected: deque[_Step] = deque([("", b"", None)])  # the greeting answers no command
        self._script: deque[_Step] = deque()
        self._asked: list[Recipient] = []  # without an answer so far
        self._mail = b""
        self._mail_refused = False
        self._quits_along = False  # the QUIT went with the group
        self._in_transaction = False

    @property
    def stage(self) -> Stage:
        """Tell what is waited for."""
        if self._expected:
            return _STAGES[self._expected[0][0]]
        return Stage.STARTTLS if self.phase is Phase.HANDSHAKE else Stage.RCPT

    @property
    def unanswered(self) -> Sequence[Recipient]:
        """Give the recipients that nothing was said of: a refused MAIL says nothing of its RCPTs."""
        return self._asked

    @property
    def waits(self) -> bool:
        """Tell whether replies are outstanding."""
        return bool(self._expected)

    @property
    def pipelines(self) -> bool:
        """Tell whether a group goes in one write."""
        return "PIPELINING" in self.offers and not self._stepwise

    @property
    def is_unconfirmed(self) -> bool:
        """Tell whether the QUIT that went with the last group is without its 221: no answer of the group is certain."""
        return self._quits_along and self.phase is not Phase.OVER

    @property
    def left_for_tls(self) -> bool:
        """Tell whether the server demanded TLS of a group that had its QUIT with it: come again, and begin with it."""
        return self._quits_along and self._tls == "demanded" and self.refusal is None

    def ask(self, recipients: Sequence[Recipient], mail: bytes, *, last: bool = False) -> None:
        """Begin a transaction with a MAIL line for a group of recipients, the `last` if so; only when READY."""
        assert self.phase is Phase.READY
        if self._in_transaction:
            self._script.append((commands.RSET, commands.bare(commands.RSET), None))
        self._script.append((commands.MAIL, mail, None))
        self._script.extend((commands.RCPT, recipient.line, recipient) for recipient in recipients)
        self._quits_along = last and self.pipelines
        if self._quits_along:
            self._script.append(_QUIT)
        self._asked = list(recipients)
        self._mail, self._mail_refused, self._in_transaction = mail, False, True
        self.phase = Phase.ASKING

    def quit(self) -> None:
        self._script.clear()
        self._script.append(_QUIT)
        self.phase = Phase.QUITTING

    def secured(self) -> None:
        """Note that TLS is up: all that was learned in clear is forgotten (RFC 3207 section 4.2)."""
        self._tls = "secured"
        self.offers = frozenset()
        self._in_transaction = False
        self._say_hello(commands.EHLO)

    def speak(self) -> bytes:
        """Give the bytes to send now; b"" while replies are outstanding or nothing is to say."""
        if self._expected or not self._script:
            return b""
        count = len(self._script) if self.pipelines else 1
        steps = [self._script.popleft() for _ in range(count)]
        self._expected.extend(steps)
        return b"".join(line for _, line, _ in steps)

    def hear(self, reply: Reply) -> Heard | None:
        """Take the next reply; give what it says of a recipient, if it does.  Raises OutOfStep."""
        if not self._expected:
            if reply.code == SHUTTING_DOWN:
                self._refuse(self.stage, reply)
                return None
            raise OutOfStep(f"{reply.code} in reply to nothing")
        verb, _, recipient = self._expected.popleft()
        if reply.code == SHUTTING_DOWN:
            self._refuse(_STAGES[verb], reply)
            return None
        if self._quits_along and (reply.code == GOODBYE) is not (verb == commands.QUIT):
            raise OutOfStep(f"{reply.code} in reply to {verb}")
        heard = _HEAR[verb](self, reply, recipient)
        if self.phase is Phase.ASKING and not self._script:
            if not self._expected:
                self._end_group()
            elif self._quits_along and len(self._expected) == 1:
                self.phase = Phase.QUITTING
        return heard

    def _refuse(self, stage: Stage, reply: Reply) -> None:
        self.refusal = (stage, reply)
        self._script.clear()
        self._expected.clear()
        self.phase = Phase.OVER

    def _refuse_politely(self, stage: Stage, reply: Reply) -> None:
        self.refusal = (stage, reply)
        self.quit()

    def _say_hello(self, verb: str) -> None:
        self._script.append((verb, commands.hello(verb, self._helo), None))
        self.phase = Phase.OPENING

    def _hear_greeting(self, reply: Reply, _: Recipient | None) -> None:
        if reply.code == 220:
            self._say_hello(commands.EHLO)
        else:
            self._refuse_politely(Stage.GREETING, reply)

    def _hear_ehlo(self, reply: Reply, _: Recipient | None) -> None:
        if reply.code == 250:
            self.offers = frozenset(line.split(" ", 1)[0].upper() for line in reply.lines[1:])
            self._open()
        elif reply.code >= 500 and self._tls != "secured":
            if reply.code not in UNKNOWN_COMMAND:
                self.refusal = (Stage.EHLO, reply)  # should it hang up on HELO
            self._say_hello(commands.HELO)  # RFC 5321 section 3.2
        else:
            self._refuse_politely(Stage.EHLO, reply)

    def _hear_helo(self, reply: Reply, _: Recipient | None) -> None:
        if reply.code == 250:
            self._open()
        else:
            self._refuse_politely(Stage.EHLO, reply)

    def _open(self) -> None:
        self.refusal = None
        if self._tls == "wanted" and "STARTTLS" in self.offers:
            self._start_tls()
        elif self._asked:  # the group that made the server demand TLS
            self.phase = Phase.READY
            self.ask(self._asked, self._mail)
        else:
            self.phase = Phase.READY

    def _start_tls(self) -> None:
        self._script.append((commands.STARTTLS, commands.bare(commands.STARTTLS), None))
        self.phase = Phase.OPENING

    def _hear_starttls(self, reply: Reply, _: Recipient | None) -> None:
        if reply.code == 220:
            self.phase = Phase.HANDSHAKE
        else:
            self._refuse_politely(Stage.STARTTLS, reply)

    def _hear_rset(self, reply: Reply, _: Recipient | None) -> None:
        if reply.code != 250:
            self._refuse(Stage.MAIL, reply)

    def _hear_mail(self, reply: Reply, _: Recipient | None) -> None:
        if not _OFFERS.isdisjoint(line.split(" ", 1)[0].upper() for line in reply.lines[1:]):
            raise OutOfStep("an answer to EHLO in place of the one to MAIL")  # all that follow would be one off, too
        if 200 <= reply.code < 300:
            return
        self.errors += 1
        self._script.clear()
        if self._demands_tls(reply):
            return
        self._mail_refused = True
        self.refusal = (Stage.MAIL, reply)

    def _hear_rcpt(self, reply: Reply, recipient: Recipient | None) -> Heard | None:
        if self._mail_refused or self._tls == "demanded" or recipient is None:
            return None
        if self._demands_tls(reply):
            self._script.clear()
            return None
        if reply.code >= 400:
            self.errors += 1
        self._asked.remove(recipient)
        return Heard(recipient, reply)

    def _demands_tls(self, reply: Reply) -> bool:
        if self._tls == "secured" or "STARTTLS" not in self.offers or not meanings.wants_tls(reply):
            return False
        self._tls = "demanded"
        return True

    def _hear_quit(self, _reply: Reply, _: Recipient | None) -> None:
        self.phase = Phase.OVER

    def _end_group(self) -> None:
        if self._tls == "demanded":
            self._start_tls()
        elif self._mail_refused:
            self.quit()
        else:
            self.phase = Phase.READY


_HEAR: dict[str, Callable[[Dialogue, Reply, Recipient | None], Heard | None]] = {
    "": Dialogue._hear_greeting,
    commands.EHLO: Dialogue._hear_ehlo,
    commands.HELO: Dialogue._hear_helo,
    commands.STARTTLS: Dialogue._hear_starttls,
    commands.MAIL: Dialogue._hear_mail,
    commands.RCPT: Dialogue._hear_rcpt,
    commands.RSET: Dialogue._hear_rset,
    commands.QUIT: Dialogue._hear_quit,
}
