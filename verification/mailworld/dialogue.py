"""A server's side of SMTP (RFC 5321) without sockets: it hears a command line and gives the reply, by scenario."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from enum import Enum

from verification.engine.scenarios.table import GREYLISTED, Scenario, ServerReply, mailbox_reply, site_of
from verification.engine.types import Stage
from verification.mailworld import replies

_PATH = re.compile(rb"[^:]*: ?<(.*)>(.*)", re.DOTALL)
_GREYLIST_LARGEST = 100_000


class Ending(Enum):
    """What follows the reply."""

    NONE = "none"
    CLOSE = "close"
    RESET = "reset"
    TLS = "tls"


class Greylist:
    """Remembers the first try of (source, sender, recipient); the oldest are forgotten first."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first: dict[tuple[str, bytes, str], float] = {}

    def holds_back(self, triplet: tuple[str, bytes, str], seconds: float) -> bool:
        now = self._clock()
        first = self._first.setdefault(triplet, now)
        if len(self._first) > _GREYLIST_LARGEST:
            del self._first[next(iter(self._first))]
        return now - first < seconds


class Dialogue:
    """One connection.  After each `hear`, `ending` says what must follow the reply and `reason` why."""

    __slots__ = (
        "_greylist",
        "_hello",
        "_refusals",
        "_scenario",
        "_secure",
        "_sender",
        "_source",
        "_utf8",
        "ending",
        "reason",
    )

    def __init__(self, scenario: Scenario, greylist: Greylist, source: str) -> None:
        self._scenario = scenario
        self._greylist = greylist
        self._source = source
        self._secure = False
        self._refusals = 0
        self.ending = Ending.NONE
        self.reason = b"lost"
        self._start_over()

    def _start_over(self) -> None:
        self._hello = self._utf8 = False
        self._sender: bytes | None = None

    def greet(self) -> bytes:
        scenario = self._scenario
        if scenario.resets_at is Stage.CONNECT:
            return self._end(Ending.RESET, b"reset at connect")
        if scenario.resets_at is Stage.GREETING:
            return self._end(Ending.RESET, b"reset at greeting", b"220-mx.reset-greeting.test\r\n")
        if scenario.greeting is not None and scenario.greeting.code == 421:
            return self._end(Ending.CLOSE, b"421", replies.greeting(scenario))
        return replies.greeting(scenario)

    def secured(self) -> None:
        """Forget what was said in clear (RFC 3207 section 4.2)."""
        self._secure = True
        self.ending = Ending.NONE
        self._start_over()

    def hear(self, line: bytes) -> bytes:
        """Give the reply to one line, without its line end; b"" where the connection just breaks."""
        verb = line[:4].upper()
        if self._scenario.greeting is not None and verb != b"QUIT":
            return replies.BAD_SEQUENCE  # RFC 5321 section 3.1: after 554 only QUIT
        if verb in _WITH_PATH:
            return _WITH_PATH[verb](self, line)
        return _ALONE[verb](self) if verb in _ALONE else _FIXED.get(verb, replies.UNKNOWN_COMMAND)

    def refuse_line(self) -> bytes:
        return self._end(Ending.CLOSE, b"line too long", replies.TOO_LONG)

    def _end(self, ending: Ending, reason: bytes, reply: bytes = b"") -> bytes:
        self.ending = ending
        self.reason = reason
        return reply

    def _ehlo(self) -> bytes:
        if self._scenario.resets_at is Stage.EHLO:
            return self._end(Ending.RESET, b"reset at ehlo")
        if not self._scenario.knows_ehlo:
            return replies.UNKNOWN_COMMAND
        self._start_over()
        self._hello = True
        return replies.ehlo(self._scenario, self._secure)

    def _helo(self) -> bytes:
        self._start_over()
        self._hello = True
        return replies.HELO

    def _starttls(self) -> bytes:
        if not self._scenario.needs_tls:
            return replies.UNKNOWN_COMMAND
        if self._secure:
            return replies.BAD_SEQUENCE
        return self._end(Ending.TLS, b"lost", replies.TLS_READY)

    def _mail(self, line: bytes) -> bytes:
        scenario = self._scenario
        if scenario.resets_at is Stage.MAIL:
            return self._end(Ending.RESET, b"reset at mail")
        if not self._hello or self._sender is not None:
            return replies.BAD_SEQUENCE
        if scenario.needs_tls and not self._secure:
            return replies.TLS_FIRST
        path = _PATH.fullmatch(line)
        if path is None:
            return replies.BAD_SYNTAX
        parameters = path[2].upper().split()
        if b"SMTPUTF8" in parameters and not scenario.knows_smtputf8:
            return replies.BAD_PARAMETER
        self._sender = path[1]
        self._utf8 = b"SMTPUTF8" in parameters
        return replies.SENDER_OK

    def _rcpt(self, line: bytes) -> bytes:
        if self._scenario.resets_at is Stage.RCPT:
            return self._end(Ending.RESET, b"reset at rcpt")
        if self._sender is None:
            return replies.BAD_SEQUENCE
        path = _PATH.fullmatch(line)
        if path is None:
            return replies.BAD_SYNTAX
        if not self._utf8 and not path[1].isascii():
            return replies.NEEDS_SMTPUTF8
        reply = self._recipient(path[1].decode("utf-8", "replace"))
        if reply.code < 400:
            return replies.on_wire(reply)
        self._refusals += 1
        if self._refusals == self._scenario.refusals_allowed:
            return self._end(Ending.CLOSE, b"421", replies.on_wire(reply) + replies.TOO_MANY_ERRORS)
        return replies.on_wire(reply)

    def _recipient(self, mailbox: str) -> ServerReply:
        scenario = self._scenario
        user, _, domain = mailbox.rpartition("@")
        site = site_of(domain.lower())
        if site is None or site.scenario is not scenario:
            return replies.NOT_OURS
        if scenario.everybody is not None:
            return scenario.everybody
        if scenario.parameter == "s":
            triplet = (self._source, self._sender or b"", mailbox)
            if self._greylist.holds_back(triplet, site.parameter):
                return GREYLISTED
        return mailbox_reply(user)

    def _rset(self) -> bytes:
        self._sender = None
        return replies.OK

    def _quit(self) -> bytes:
        return self._end(Ending.CLOSE, b"quit", replies.BYE)


_FIXED = {b"NOOP": replies.OK, b"VRFY": replies.CANNOT_VERIFY, b"DATA": replies.NO_MAIL_TAKEN}
_ALONE: dict[bytes, Callable[[Dialogue], bytes]] = {
    b"EHLO": Dialogue._ehlo,
    b"HELO": Dialogue._helo,
    b"STAR": Dialogue._starttls,
    b"RSET": Dialogue._rset,
    b"QUIT": Dialogue._quit,
}
_WITH_PATH: dict[bytes, Callable[[Dialogue, bytes], bytes]] = {b"RCPT": Dialogue._rcpt, b"MAIL": Dialogue._mail}
