"""What a question to the DNS ends with, and what one address may ask in all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DnsStatus(StrEnum):
    """How a question ended (RFC 1035 section 4.1.1, RFC 2308 section 2)."""

    OK = "ok"
    NXDOMAIN = "nxdomain"  # no such name
    NODATA = "nodata"  # the name exists, without such a record
    SERVFAIL = "servfail"  # an answer that says nothing: SERVFAIL, malformed, a CNAME loop
    TIMEOUT = "timeout"  # no answer to this question, while the server answers others
    SILENT = "silent"  # our own resolvers answer nothing to anybody, or we have none
    EXHAUSTED = "exhausted"  # the address used up its questions or its time

    @property
    def is_certain(self) -> bool:
        """Tell whether the DNS spoke: asking again gives the same."""
        return self in (DnsStatus.OK, DnsStatus.NXDOMAIN, DnsStatus.NODATA)


@dataclass(frozen=True, slots=True)
class DnsReply:
    """The answer to one question.

    `records` are texts without a final dot: "192.0.2.1", "2001:db8::1", "10 mx.example.com"; the root is ".".  Names
    are lower case; odd bytes are written as in zone files (RFC 1035 section 5.1).  `server` is who told it.
    `alias` is set only inside the resolver: the end of a CNAME chain that the server did not follow.
    """

    status: DnsStatus
    records: tuple[str, ...] = ()
    server: str = ""
    detail: str = ""
    alias: str = ""


@dataclass(slots=True)
class Budget:
    """What may be spent on the DNS for one address, whatever its zone does.

    `questions` counts what leaves the house, repeats and TCP included.  A question is begun only while fewer than
    `seconds` have been spent waiting; each ends within 12 s, so the whole takes 30 s at most.  `addresses` are the
    mail hosts' addresses that may still be tried.
    """

    questions: int = 24
    addresses: int = 20
    seconds: float = 18.0
    _spent: float = 0.0
    _since: float = 0.0
    _waiting: int = 0

    def take(self) -> bool:
        """Use one question; False when none is left."""
        if self.questions <= 0:
            return False
        self.questions -= 1
        return True

    def is_richer_than(self, other: Budget) -> bool:
        """Tell whether it may get further than another one; neither is in use."""
        return self.questions > other.questions or self._spent < other._spent

    def begin(self, now: float) -> None:
        """Note that one more wait begins; waits at the same time count once."""
        if self._waiting == 0:
            self._since = now
        self._waiting += 1

    def end(self, now: float) -> None:
        """Note that a wait is over."""
        self._waiting -= 1
        if self._waiting == 0:
            self._spent += now - self._since

    def is_spent(self, now: float) -> bool:
        """Tell whether no further question may be begun."""
        running = now - self._since if self._waiting else 0.0
        return self.questions <= 0 or self._spent + running >= self.seconds
