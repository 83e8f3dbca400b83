"""Who may be the sender of probes."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.domain.config import config_of
from accounts.models import Account
from verification.engine.syntax import parse
from verification.models import CheckKind, DomainCheck, LastCheck


class SenderForbidden(Exception):
    """The sender's domain is none that the account proved."""


class DkimNotPassed(Exception):
    """The account's config wants DKIM, and the last check of the sender's domain did not pass."""


class SenderFaulty(ValueError):
    """The text is no address that MAIL FROM can carry without extensions."""


@dataclass(frozen=True, slots=True)
class Sender:
    """An address that may be used, and its domain as it was registered."""

    address: str
    domain: str


def read_sender(text: str) -> Sender:
    """Read an address.  Raises SenderFaulty."""
    address = parse(text)
    if address.fault is not None or address.needs_smtputf8 or address.ascii_domain.startswith("["):
        raise SenderFaulty
    return Sender(address.mailbox, address.ascii_domain)


def check_sender(*, account: Account, sender: Sender) -> None:
    """Look whether an account may use a sender.  Raises SenderForbidden, DkimNotPassed."""
    checks = DomainCheck.objects.filter(domain__account=account, domain__domain=sender.domain)
    found = dict(checks.values_list("kind", "last_check"))
    if found.get(CheckKind.PROOF) != LastCheck.PASSED:
        raise SenderForbidden
    if config_of(account, sender.domain).dkim and found.get(CheckKind.DKIM) != LastCheck.PASSED:
        raise DkimNotPassed


def ascii_domain_of(text: str) -> str:
    """Give a domain as the DNS has it, "" for what is none."""
    address = parse(f"a@{text}")
    return "" if address.fault is not None else address.ascii_domain
