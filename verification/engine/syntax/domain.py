"""Reads the part after the at-sign: RFC 5321 section 4.1.2, RFC 1035, RFC 5890-5895 (IDNA 2008)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from verification.engine.syntax.refusal import Refused, describe

DOMAIN_OCTETS = 253  # RFC 1035 section 3.1: 255 on the wire, with the length of the first label and of the root
LABEL_OCTETS = 63  # RFC 1035 section 2.3.4

_NOT_LDH = re.compile(r"[^A-Za-z0-9-]")


def read_domain(domain: str) -> str:
    """Give the lower-case A-label form, or an address literal in its brackets.  Raises Refused."""
    if not domain:
        raise Refused("nothing follows the at-sign (RFC 5321 section 4.1.2)")
    if len(domain) > DOMAIN_OCTETS:
        raise Refused(f"the domain has more than {DOMAIN_OCTETS} octets (RFC 1035 section 3.1)")
    if domain[0] == "[":
        return _read_literal(domain)
    labels = _map_to_lower(domain).split(".")
    ascii_domain = ".".join([_read_label(label) for label in labels])
    if len(labels) < 2:
        raise Refused("one label alone is no domain of the public DNS (RFC 5321 section 2.3.5)")
    if ascii_domain.rpartition(".")[2].isdigit():
        raise Refused("the last label is a number (RFC 3696 section 2)")
    if len(ascii_domain) > DOMAIN_OCTETS:
        raise Refused(f"the domain has more than {DOMAIN_OCTETS} octets as A-labels (RFC 1035 section 3.1)")
    return ascii_domain


def _map_to_lower(domain: str) -> str:
    """Map as people type: case, width, the dots of East Asia (RFC 5895 by way of UTS 46, non-transitional)."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.uts46_remap(domain, std3_rules=False, transitional=False)
    except UnicodeError as error:
        raise Refused(_one_line(error)) from None


def _read_label(label: str) -> str:
    if not label:
        raise Refused("the domain has an empty label: a dot first, last or twice (RFC 5321 section 4.1.2)")
    if not label.isascii():
        return _to_a_label(label)
    if bad := _NOT_LDH.search(label):
        raise Refused(_why_not_ldh(bad[0]))
    if len(label) > LABEL_OCTETS:
        raise Refused(f"a label of the domain has more than {LABEL_OCTETS} octets (RFC 1035 section 2.3.4)")
    if label[0] == "-" or label[-1] == "-":
        raise Refused("a label of the domain starts or ends with a hyphen (RFC 5321 section 4.1.2, sub-domain)")
    return label


def _to_a_label(label: str) -> str:
    try:
        return idna.alabel(label).decode("ascii")
    except UnicodeError as error:  # IDNAError is one
        raise Refused(_one_line(error)) from None


def _one_line(error: UnicodeError) -> str:
    text = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in str(error))
    return f"the domain is no internationalized name: {text[:200]} (RFC 5891 section 5.4)"


def _why_not_ldh(char: str) -> str:
    if char in "()":
        return "a comment is no part of a domain (RFC 5321 section 4.1.2; RFC 5322 section 3.2.2 is for headers)"
    return f"{describe(char)} cannot stand in a domain (RFC 5321 section 4.1.2, sub-domain)"


def _read_literal(domain: str) -> str:
    """Read an address literal: RFC 5321 section 4.1.3.  No tag but IPv6 has been registered."""
    if domain[-1] != "]":
        raise Refused("the address literal does not end with a bracket (RFC 5321 section 4.1.3)")
    content = domain[1:-1]
    try:
        if content[:5].lower() != "ipv6:":
            return f"[{IPv4Address(content)}]"
        address = IPv6Address(content[5:])
    except AddressValueError:
        raise Refused("the brackets hold no IPv4 address and no IPv6: address (RFC 5321 section 4.1.3)") from None
    if address.scope_id is not None:
        raise Refused("an address literal has no zone (RFC 5321 section 4.1.3)")
    return f"[IPv6:{address}]"
