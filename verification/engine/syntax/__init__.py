"""Reads texts as mailboxes: RFC 5321, 5322, 6531 and IDNA 2008.  Cases and disagreements: docs/syntax.md."""

from __future__ import annotations

import re

from verification.engine.syntax.domain import read_domain
from verification.engine.syntax.local_part import read_local_part
from verification.engine.syntax.quotes import last_outside_quotes, split_at_sign
from verification.engine.syntax.refusal import Refused
from verification.engine.syntax.scripts import mixed_scripts
from verification.engine.types import Address, SyntaxFault

__all__ = ["parse", "split_display_name"]

MAILBOX_OCTETS = 254  # RFC 5321 section 4.5.3.1.3: a path has 256 with its angle brackets

# Ordinary ASCII mailboxes, the most of every list.  Whatever this misses goes to the full parser, and whatever it takes
# the full parser takes too.  Possessive quantifiers (++, *+) never go back: the time is linear in the length.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_ORDINARY = re.compile(
    rf"({_ATEXT}++(?:\.{_ATEXT}++)*+)"
    r"@((?:[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+\.)++[A-Za-z]++)"
)


def parse(text: str) -> Address:
    """Read `text`, which may be anything, as a mailbox; never raises.  The text is taken as it stands, unstripped."""
    if len(text) <= MAILBOX_OCTETS and (ordinary := _ORDINARY.fullmatch(text)):
        user, domain = ordinary.groups()
        if len(user) <= 64 and len(domain) <= 63:  # so no label is over 63 either
            lower = domain.lower()
            return Address(text, user, domain, lower, text if lower == domain else f"{user}@{lower}")
    return parse_fully(text)


def parse_fully(text: str) -> Address:
    """Read `text` without the short cut for ordinary mailboxes."""
    user, domain, at_signs = split_at_sign(text)
    if at_signs == 0:
        return _faulty(text, text, "", "", SyntaxFault.NO_AT_SIGN, "there is no at-sign (RFC 5321 section 4.1.2)")
    try:
        ascii_domain = read_domain(domain)
        domain_refused = ""
    except Refused as refusal:
        ascii_domain, domain_refused = "", refusal.detail
    if at_signs > 1:
        detail = f"there are {at_signs} at-signs outside quotes (RFC 5321 section 4.1.2)"
        return _faulty(text, user, domain, ascii_domain, SyntaxFault.TOO_MANY_AT_SIGNS, detail)
    if domain_refused:
        return _faulty(text, user, domain, "", SyntaxFault.BAD_DOMAIN, domain_refused)
    try:
        local_part = read_local_part(user)
        mailbox = _join(local_part, ascii_domain)
    except Refused as refusal:
        return _faulty(text, user, domain, ascii_domain, SyntaxFault.BAD_LOCAL_PART, refusal.detail)
    needs_smtputf8 = not local_part.isascii()  # the domain is sent as A-labels: RFC 6531 section 3.2
    note = "" if text.isascii() else mixed_scripts(user, domain)
    return Address(text, user, domain, ascii_domain, mailbox, needs_smtputf8, note=note)


def split_display_name(text: str) -> str:
    """Give the addr-spec of `Jane <jane@example.com>` (RFC 5322 section 3.4), else the text, both stripped."""
    text = text.strip()
    if not text.endswith(">"):
        return text
    opening = last_outside_quotes(text, "<")
    return text if opening < 0 else text[opening + 1 : -1].strip()


def _join(local_part: str, ascii_domain: str) -> str:
    mailbox = f"{local_part}@{ascii_domain}"
    if len(mailbox.encode()) > MAILBOX_OCTETS:
        raise Refused(f"the mailbox has more than {MAILBOX_OCTETS} octets (RFC 5321 section 4.5.3.1.3)")
    return mailbox


def _faulty(text: str, user: str, domain: str, ascii_domain: str, fault: SyntaxFault, detail: str) -> Address:
    return Address(text, user, domain, ascii_domain, "", fault=fault, fault_detail=detail)
