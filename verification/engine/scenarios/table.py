"""Scenarios below `.test`: what a domain's DNS and mail server do, and so what its addresses answer.

One table.  The mail world plays it over real sockets (docs/mail-world.md); a sandbox key reads it in process by
`answer`.  `NAME-<n>.test` behaves like `NAME.test`; a scenario with a parameter is `NAME-<parameter>[-<n>].test`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from verification.engine.types import MailHostsOutcome, Meaning, Stage

SERVER = "server"  # stands for the address of the domain's own mail server
CLOSED = "closed"  # stands for an address where nothing listens


class Zone(StrEnum):
    """How the name servers answer for the domain."""

    MX = "mx"
    IMPLICIT = "implicit"  # no MX, an address record
    NULL_MX = "null_mx"
    EMPTY = "empty"  # exists, neither MX nor address
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    MX_SERVFAIL = "mx_servfail"  # and a good address record
    SILENT = "silent"


class Manner(StrEnum):
    """How a server brings its replies onto the wire."""

    PLAIN = "plain"
    BYTEWISE = "bytewise"  # one byte at a time
    GARBAGE = "garbage"  # NUL, 8-bit and 10,000-character lines around them
    TARPIT = "tarpit"  # one byte every 10 s, for ever
    SILENT = "silent"  # never speaks
    CHATTY = "chatty"  # a greeting without end


@dataclass(frozen=True, slots=True)
class ServerReply:
    """A reply as sent, and what it means for the recipient."""

    code: int
    enhanced: str
    text: str
    meaning: Meaning

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}"


@dataclass(frozen=True, slots=True)
class Host:
    """A mail host of a domain.  `address`: SERVER, CLOSED, or a literal IP address."""

    label: str = "mx"
    preference: int = 10
    address: str = SERVER


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a domain does.  `parameter` names the unit of the number in its name: "ms", "s" or ""."""

    name: str
    zone: Zone = Zone.MX
    hosts: tuple[Host, ...] = (Host(),)
    extensions: tuple[str, ...] = ("PIPELINING", "SIZE 10485760", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")
    knows_ehlo: bool = True
    needs_tls: bool = False
    greeting: ServerReply | None = None  # in place of 220
    everybody: ServerReply | None = None  # to every recipient alike
    resets_at: Stage | None = None
    manner: Manner = Manner.PLAIN
    refusals_allowed: int = 0  # recipients refused before 421 and close; 0: no limit
    parameter: str = ""
    is_disposable: bool = False
    is_spam_trap: bool = False
    is_killer: bool = False  # the engine's test flag makes a probe of it harm its own process

    @property
    def knows_smtputf8(self) -> bool:
        return self.knows_ehlo and "SMTPUTF8" in self.extensions

    @property
    def mail_hosts(self) -> MailHostsOutcome:
        if self.zone is Zone.MX and not any(host.address in (SERVER, CLOSED) for host in self.hosts):
            return MailHostsOutcome.NO_USABLE_ADDRESS
        return _MAIL_HOSTS[self.zone]


@dataclass(frozen=True, slots=True)
class Site:
    """One domain of the table: its scenario, the scenario's parameter and the domain's number (0 when none)."""

    domain: str
    scenario: Scenario
    parameter: int = 0
    number: int = 0


_MAIL_HOSTS = {
    Zone.MX: MailHostsOutcome.FOUND,
    Zone.IMPLICIT: MailHostsOutcome.FOUND,
    Zone.NULL_MX: MailHostsOutcome.NULL_MX,
    Zone.EMPTY: MailHostsOutcome.NO_HOSTS,
    Zone.NXDOMAIN: MailHostsOutcome.NXDOMAIN,
    Zone.SERVFAIL: MailHostsOutcome.FAILED,
    Zone.MX_SERVFAIL: MailHostsOutcome.FAILED,
    Zone.SILENT: MailHostsOutcome.FAILED,
}

NO_MAILBOX = ServerReply(550, "5.1.1", "No such user here", Meaning.NO_MAILBOX)
MAILBOX_FULL = ServerReply(452, "4.2.2", "Mailbox full", Meaning.MAILBOX_FULL)
MAILBOX_FULL_FOR_GOOD = ServerReply(552, "5.2.2", "Mailbox full", Meaning.MAILBOX_FULL)
ACCEPTED = ServerReply(250, "2.1.5", "Ok", Meaning.ACCEPTED)
GREYLISTED = ServerReply(450, "4.2.0", "Recipient address rejected: Greylisted, try again", Meaning.GREYLISTED)

_BLOCKED = "5.7.1", "Service unavailable; client host is blocked using bl.world.test", Meaning.WE_ARE_REFUSED

_TABLE = (
    Scenario("ok"),
    Scenario("bulk"),
    Scenario("plain", extensions=(), knows_ehlo=False),
    Scenario("noutf8", extensions=("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")),
    Scenario("starttls", needs_tls=True),
    Scenario("catchall", everybody=ServerReply(250, "2.1.5", "Ok", Meaning.ACCEPTED)),
    Scenario("greylist", everybody=GREYLISTED),
    Scenario("greylist-pass", parameter="s"),
    Scenario("blocked", everybody=ServerReply(550, *_BLOCKED)),
    Scenario("blocked-greeting", greeting=ServerReply(554, *_BLOCKED)),
    Scenario("busy", greeting=ServerReply(421, "4.7.0", "Too many connections", Meaning.WE_ARE_REFUSED)),
    Scenario("broken", everybody=ServerReply(451, "4.3.0", "Temporary lookup failure", Meaning.SERVER_BROKEN)),
    Scenario("policy", everybody=ServerReply(550, "5.7.1", "Sender refused by policy", Meaning.POLICY)),
    Scenario("relay", everybody=ServerReply(554, "5.7.1", "Relay access denied", Meaning.POLICY)),
    Scenario("mute", everybody=ServerReply(252, "2.1.5", "Cannot verify the user, will try", Meaning.POLICY)),
    Scenario("reset-connect", resets_at=Stage.CONNECT),
    Scenario("reset-greeting", resets_at=Stage.GREETING),
    Scenario("reset-ehlo", resets_at=Stage.EHLO),
    Scenario("reset-mail", resets_at=Stage.MAIL),
    Scenario("reset-rcpt", resets_at=Stage.RCPT),
    Scenario("tarpit", manner=Manner.TARPIT),
    Scenario("silent", manner=Manner.SILENT),
    Scenario("chatty", manner=Manner.CHATTY),
    Scenario("garbage", manner=Manner.GARBAGE),
    Scenario("bytewise", manner=Manner.BYTEWISE),
    Scenario("slow", parameter="ms"),
    Scenario("errorlimit", refusals_allowed=3),
    Scenario("deadfirst", hosts=(Host("mx1", 10, CLOSED), Host("mx2", 20))),
    Scenario(
        "twentymx",
        hosts=tuple(Host(f"mx{n}", 10 * n, CLOSED if n <= 5 else SERVER) for n in range(1, 21)),
    ),
    Scenario(
        "thousandmx",
        hosts=tuple(Host(f"mx{n}", n, SERVER if n == 1 else CLOSED) for n in range(1, 1001)),
    ),
    Scenario("implicit", zone=Zone.IMPLICIT, hosts=(Host("", 0),)),
    Scenario("webonly", zone=Zone.IMPLICIT, hosts=(Host("", 0, CLOSED),)),
    Scenario("nullmx", zone=Zone.NULL_MX, hosts=()),
    Scenario("nomx", zone=Zone.EMPTY, hosts=()),
    Scenario("nxdomain", zone=Zone.NXDOMAIN, hosts=()),
    Scenario("servfail", zone=Zone.SERVFAIL, hosts=()),
    Scenario("dnstimeout", zone=Zone.SILENT, hosts=()),
    Scenario("mxservfail", zone=Zone.MX_SERVFAIL, hosts=(Host("", 0),)),
    Scenario("private", hosts=(Host(address="10.0.0.1"),)),
    Scenario("loopback", hosts=(Host(address="127.0.0.1"),)),
    Scenario("mapped", hosts=(Host(address="::ffff:127.0.0.1"),)),
    Scenario("privatefirst", hosts=(Host("mx1", 10, "10.0.0.1"), Host("mx2", 20))),
    Scenario("dea", is_disposable=True),
    Scenario("trap", is_spam_trap=True),
    Scenario("killer-exit", is_killer=True),
    Scenario("killer-loop", is_killer=True),
    Scenario("killer-memory", is_killer=True),
)
SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _TABLE}


_NAME = re.compile(r"([a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*)((?:-[0-9]+){0,2})\.test")


@lru_cache(maxsize=4096)
def site_of(ascii_domain: str) -> Site | None:
    """Read a lower-case domain; None when the table has no such name."""
    match = _NAME.fullmatch(ascii_domain)
    scenario = SCENARIOS.get(match[1]) if match else None
    if match is None or scenario is None:
        return None
    numbers = [int(number) for number in match[2].split("-")[1:]]
    parameter = numbers.pop(0) if scenario.parameter and numbers else None
    if len(numbers) > 1 or (scenario.parameter and parameter is None):
        return None
    return Site(ascii_domain, scenario, parameter or 0, numbers[0] if numbers else 0)


def scenario_of(ascii_domain: str) -> Scenario | None:
    site = site_of(ascii_domain)
    return site.scenario if site else None


def mailbox_reply(user: str) -> ServerReply:
    """Say what an honest server answers of this local part, wherever a mailbox is asked for."""
    name = user.strip('"').lower()
    if name.startswith("missing"):
        return NO_MAILBOX
    if name.startswith("full"):
        return MAILBOX_FULL_FOR_GOOD if name.startswith("full5") else MAILBOX_FULL
    return ACCEPTED
