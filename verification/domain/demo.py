"""What the public demo answers: an address of the mail world, by the table of scenarios; nobody is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accounts.domain import guesses
from verification.domain.dialogue import Line, lines_of
from verification.engine import scenarios
from verification.engine.types import Answer, MailHostsOutcome

LONGEST = 320  # characters of an address that is looked at
DNS_SAID = {
    MailHostsOutcome.FOUND: "the domain has a mail host",
    MailHostsOutcome.NULL_MX: "the domain says that it takes no mail",
    MailHostsOutcome.NO_HOSTS: "the domain has neither a mail host nor an address",
    MailHostsOutcome.NXDOMAIN: "there is no such domain",
    MailHostsOutcome.NO_USABLE_ADDRESS: "the domain's mail hosts have no address that can be asked",
    MailHostsOutcome.FAILED: "the domain's name servers did not answer",
    MailHostsOutcome.RESOLVER_SILENT: "our own name server does not answer",
}


class NotOfTheDemo(Exception):
    """The address is none of the mail world's."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer, and who said what."""

    answer: Answer
    lines: list[Line]


def ask(text: str, *, client: str) -> Shown:
    """Answer for an address below `.test`.  Raises NotOfTheDemo and guesses.TooManyGuesses."""
    text = text.strip()
    if not text.lower().endswith(".test") or len(text) > LONGEST:
        raise NotOfTheDemo
    guesses.take_demo(client=client)
    answer = scenarios.answer(text)
    return Shown(answer, [_plain(line, answer) for line in lines_of(answer.evidence)])


def _plain(line: Line, answer: Answer) -> Line:
    """Give a line as people say it."""
    if line.who == "DNS" and answer.evidence.mail_hosts:
        return replace(line, said=DNS_SAID[answer.evidence.mail_hosts], meaning="")
    return replace(line, meaning=line.meaning.replace("_", " "))
