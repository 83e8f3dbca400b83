"""The vocabulary of the product: verdicts, whose fault, and the evidence for them.

Everything above the engine (rows, API, pages) uses these enums as they are; there are no mapping tables.
Values are literal and case-sensitive: see docs/api/verify-v2.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any


class Result(StrEnum):
    """Main status of an address."""

    OK = "Ok"
    BAD = "Bad"
    RETRY_LATER = "RetryLater"
    UNVERIFIABLE = "Unverifiable"


class Reason(StrEnum):
    """Additional status; legal only in the pairs of LEGAL_PAIRS."""

    SUCCESS = "Success"
    AT_SIGN_NOT_FOUND = "AtSignNotFound"
    TOO_MANY_AT_SIGNS_FOUND = "TooManyAtSignsFound"
    DOMAIN_IS_INEXISTENT = "DomainIsInexistent"
    NO_MX_SERVERS_FOUND = "NoMxServersFound"
    MAILBOX_DOES_NOT_EXIST = "MailboxDoesNotExist"
    MAILBOX_FULL = "MailboxFull"
    SERVER_DOES_NOT_SUPPORT_INTERNATIONAL_MAILBOXES = "ServerDoesNotSupportInternationalMailboxes"
    POSSIBLE_SPAM_TRAP_DETECTED = "PossibleSpamTrapDetected"
    TRANSIENT_NETWORK_FAULT = "TransientNetworkFault"
    NONE = "None"
    DOMAIN_IS_WELL_KNOWN_DEA = "DomainIsWellKnownDea"
    GREY_LISTING = "GreyListing"
    SERVER_IS_CATCH_ALL = "ServerIsCatchAll"
    UNKNOWN = "Unknown"


class Blame(StrEnum):
    """Whose fault it is that the address is not Ok.  The four OUR_* ones are never charged."""

    NONE = "none"
    ADDRESS = "address"
    THEIR_OUTAGE = "their_outage"
    THEIR_POLICY = "their_policy"
    OUR_ADDRESS = "our_address"
    OUR_NETWORK = "our_network"
    OUR_DEADLINE = "our_deadline"
    OUR_FAULT = "our_fault"
    UNKNOWN = "unknown"

    @property
    def is_ours(self) -> bool:
        return self.startswith("our_")


LEGAL_PAIRS: frozenset[tuple[Result, Reason]] = frozenset(
    [(Result.OK, Reason.SUCCESS), (Result.RETRY_LATER, Reason.TRANSIENT_NETWORK_FAULT)]
    + [
        (Result.BAD, reason)
        for reason in (
            Reason.AT_SIGN_NOT_FOUND,
            Reason.TOO_MANY_AT_SIGNS_FOUND,
            Reason.DOMAIN_IS_INEXISTENT,
            Reason.NO_MX_SERVERS_FOUND,
            Reason.MAILBOX_DOES_NOT_EXIST,
            Reason.MAILBOX_FULL,
            Reason.SERVER_DOES_NOT_SUPPORT_INTERNATIONAL_MAILBOXES,
            Reason.POSSIBLE_SPAM_TRAP_DETECTED,
        )
    ]
    + [
        (Result.UNVERIFIABLE, reason)
        for reason in (
            Reason.NONE,
            Reason.DOMAIN_IS_WELL_KNOWN_DEA,
            Reason.GREY_LISTING,
            Reason.SERVER_IS_CATCH_ALL,
            Reason.UNKNOWN,
        )
    ]
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What we say of an address: one legal (result, reason) pair and whose fault it is."""

    result: Result
    reason: Reason
    blame: Blame


class SyntaxFault(StrEnum):
    """Why a text is no address.  The first four decide the verdict's reason, see verdict.py."""

    NO_AT_SIGN = "no_at_sign"
    TOO_MANY_AT_SIGNS = "too_many_at_signs"
    BAD_LOCAL_PART = "bad_local_part"
    BAD_DOMAIN = "bad_domain"


@dataclass(frozen=True, slots=True)
class Address:
    """A text read as a mailbox (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

    `text`, `user` and `domain` are as supplied, case and U-labels kept.  `fault` is None when an SMTP server could
    hold such a mailbox.  `ascii_domain` is the lower-case A-label form, "" when there is none; an address literal
    keeps its brackets.  `mailbox` is the canonical form for de-duplication: local part as is (needless quotes off),
    `@`, ascii_domain; "" when there is a fault.  `note` warns of what is legal and odd, such as mixed scripts.
    """

    text: str
    user: str
    domain: str
    ascii_domain: str
    mailbox: str
    needs_smtputf8: bool = False
    fault: SyntaxFault | None = None
    fault_detail: str = ""
    note: str = ""


class MailHostsOutcome(StrEnum):
    """What DNS says of a domain's mail hosts (RFC 5321 section 5.1, RFC 7505)."""

    FOUND = "found"
    NXDOMAIN = "nxdomain"
    NULL_MX = "null_mx"
    NO_HOSTS = "no_hosts"  # exists, no MX and no address record
    NO_USABLE_ADDRESS = "no_usable_address"  # every MX host fails to resolve for certain, or to inside addresses only
    FAILED = "failed"  # SERVFAIL or a time-out of theirs
    RESOLVER_SILENT = "resolver_silent"  # our own resolver does not answer at all


class Stage(StrEnum):
    """Where in the dialogue an attempt ended (RFC 5321 section 4.3.2)."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    MAIL = "mail"
    RCPT = "rcpt"


class Trouble(StrEnum):
    """How an attempt ended without a reply."""

    NONE = ""
    REFUSED = "refused"  # TCP RST to our SYN
    NO_ROUTE = "no_route"
    RESET = "reset"  # connection lost
    TIMEOUT = "timeout"
    GARBAGE = "garbage"  # nothing of RFC 5321 section 4.2, or out of step with our commands
    ENDLESS = "endless"  # a reply over the bounds in bytes or lines
    TLS = "tls"
    GUARDED = "guarded"  # inside address: no packet sent
    DEADLINE = "deadline"  # our time for this address ran out while we waited for a slot
    BACKOFF = "backoff"  # our own pacing holds this organisation back


class Meaning(StrEnum):
    """What a reply says about the recipient, see smtp/meanings.py."""

    ACCEPTED = "accepted"  # 250, 251
    NO_MAILBOX = "no_mailbox"
    MAILBOX_FULL = "mailbox_full"
    NO_SMTPUTF8 = "no_smtputf8"
    GREYLISTED = "greylisted"
    WE_ARE_REFUSED = "we_are_refused"  # DNSBL, banned sending address, 421, too many connections
    POLICY = "policy"  # sender or content policy, relay denied, 252: no answer will come
    SERVER_BROKEN = "server_broken"  # 4xx of the server itself
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one mail host.  `text` is at most 300 characters, printable."""

    stage: Stage
    host: str = ""
    address: str = ""
    source: str = ""
    code: int = 0
    enhanced: str = ""
    text: str = ""
    trouble: Trouble = Trouble.NONE
    meaning: Meaning = Meaning.UNCLEAR
    milliseconds: int = 0
    tls: str = ""  # protocol and SHA-256 of the certificate, where STARTTLS was demanded


class CatchAllState(StrEnum):
    """What the random recipient told us of a domain."""

    NOT_TESTED = "not_tested"
    YES = "yes"
    NO = "no"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class CatchAll:
    """A dated catch-all probe; `probed_at` is a Unix time in seconds, 0 when not tested."""

    state: CatchAllState = CatchAllState.NOT_TESTED
    probed_at: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a verdict rests on.  `judge(evidence)` gives the verdict again without probing again."""

    syntax_fault: SyntaxFault | None = None
    syntax_detail: str = ""
    mail_hosts: MailHostsOutcome | None = None
    mail_hosts_detail: str = ""  # e.g. "MX 10 mx.example.com", "SERVFAIL from 192.0.2.53"
    is_spam_trap: bool = False
    is_disposable: bool = False
    not_probed: str = ""  # why no mail server was asked: "dns_only", "do_not_probe"
    provider: str = ""
    catch_all: CatchAll = field(default_factory=CatchAll)
    attempts: tuple[Attempt, ...] = ()
    our_fault: str = ""  # a bug or a poisoned row of ours; what happened
    former_source: str = ""  # our address of earlier tries, which is ours no more: this try came from another one

    def as_dict(self) -> dict[str, Any]:  # Any: JSON
        """Give plain JSON types; empty members are left out."""
        given = _plain(self)
        if self.attempts:
            given["attempts"] = [_plain(attempt) for attempt in self.attempts]
        if self.catch_all != CatchAll():
            given["catch_all"] = _plain(self.catch_all)
        else:
            given.pop("catch_all", None)
        return given

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Evidence:  # Any: JSON
        """Read what as_dict gave.  Raises KeyError, TypeError or ValueError for anything else."""
        given = dict(data)
        if "syntax_fault" in given:
            given["syntax_fault"] = SyntaxFault(given["syntax_fault"])
        if "mail_hosts" in given:
            given["mail_hosts"] = MailHostsOutcome(given["mail_hosts"])
        if "catch_all" in given:
            catch_all = given["catch_all"]
            given["catch_all"] = CatchAll(**{**catch_all, "state": CatchAllState(catch_all["state"])})
        given["attempts"] = tuple(_attempt(attempt) for attempt in given.get("attempts", ()))
        return cls(**given)


def _plain(thing: Evidence | Attempt | CatchAll) -> dict[str, Any]:  # Any: JSON
    """Give the members that say something; enums as their values."""
    names, give = _MEMBERS[type(thing)]
    members = zip(names, give(thing), strict=True)
    return {name: value._value_ if isinstance(value, StrEnum) else value for name, value in members if value}


def _members(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Give the names of a class's members, and what reads all of them at once."""
    names = tuple(each.name for each in fields(kind))
    return names, attrgetter(*names)


_MEMBERS = {kind: _members(kind) for kind in (Evidence, Attempt, CatchAll)}  # made once: each result is written by them


def _attempt(data: dict[str, Any]) -> Attempt:  # Any: JSON
    return Attempt(
        **{
            **data,
            "stage": Stage(data["stage"]),
            "trouble": Trouble(data.get("trouble", "")),
            "meaning": Meaning(data["meaning"]),
        }
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says of one address: the contract's ten fields, blame and evidence."""

    email: str
    user: str
    domain: str
    verdict: Verdict
    role: bool = False
    free: bool = False
    disposable: bool = False
    mail_server_location: str = ""  # ISO 3166 alpha-2 of the mail server's address block, "" when not known
    duration: int = 0  # elapsed milliseconds
    evidence: Evidence = field(default_factory=Evidence)
    normalized: str = ""  # the mailbox as its provider files it, for telling duplicates apart
    did_you_mean: str = ""  # the address that was probably meant

    def contract_fields(self) -> dict[str, Any]:  # Any: JSON
        """Give the ten fields of the verification API, version 2, in its order."""
        return {
            "result": self.verdict.result.value,
            "reason": self.verdict.reason.value,
            "role": self.role,
            "free": self.free,
            "disposable": self.disposable,
            "email": self.email,
            "domain": self.domain,
            "user": self.user,
            "mailServerLocation": self.mail_server_location,
            "duration": self.duration,
        }
