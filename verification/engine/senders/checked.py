"""What a check of a sending domain says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from verification.engine.resolver import Budget, DnsReply, Resolver

MAX_SHOWN = 200


class Outcome(StrEnum):
    """`unclear`: the DNS did not speak (time-out, SERVFAIL), so nothing is known that was not known before."""

    PASSED = "passed"
    FAILED = "failed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Checked:
    """An outcome and its cause, in words for the domain's owner."""

    outcome: Outcome
    cause: str


async def texts(resolver: Resolver, name: str) -> DnsReply:
    """Ask for the TXT records of a name."""
    return await resolver.ask(name, "TXT", Budget())


def unclear(reply: DnsReply) -> Checked:
    return Checked(Outcome.UNCLEAR, reply.detail or "no answer of the DNS")


def failed(cause: str) -> Checked:
    return Checked(Outcome.FAILED, cause)


def passed(cause: str) -> Checked:
    return Checked(Outcome.PASSED, cause)


def shown(text: str) -> str:
    """Cut a stranger's text for a sentence of ours."""
    printable = "".join(letter if letter.isprintable() else "?" for letter in text[: MAX_SHOWN + 1])
    return printable if len(printable) <= MAX_SHOWN else f"{printable[:MAX_SHOWN]}…"
