"""The text of an SPF record (RFC 7208 sections 5 to 7 and 12): terms and macros, without asking anybody."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Ip = IPv4Address | IPv6Address

_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)")
_DIRECTIVE = re.compile(
    r"([+?~-]?)([A-Za-z][A-Za-z0-9_.-]*)(?::([^/]*(?:/[^/0-9][^/]*)*))?(?:/(\d{1,2}))?(?://(\d{1,3}))?"
)
_MACRO = re.compile(r"%(?:\{([slodiphv])(\d{0,3})(r?)([.\-+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_PLAIN = {"%": "%", "_": " ", "-": "%20"}
_ASKING = {"include", "a", "mx", "ptr", "exists"}
_NEED_TARGET = {"include", "exists"}


class Malformed(ValueError):
    """The record breaks the grammar."""


@dataclass(frozen=True, slots=True)
class Query:
    """Who asks for a result: our address, and the sender in two parts."""

    ip: Ip
    local: str
    domain: str
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism with its qualifier; `network` is that of ip4 and ip6."""

    qualifier: str
    name: str
    target: str = ""
    bits: tuple[int, int] = (32, 128)  # that must be equal, for either family
    network: IPv4Network | IPv6Network | None = None
    text: str = ""

    def __str__(self) -> str:
        return self.text

    def covers(self, ip: Ip, address: str) -> bool:
        """Tell whether `ip` lies in the block around a host's address."""
        other = ip_address(address)
        bits = self.bits[0] if other.version == 4 else self.bits[1]
        return ip in ip_network(f"{other}/{bits}", strict=False)


@dataclass(frozen=True, slots=True)
class Record:
    directives: tuple[Term, ...]
    redirect: str = ""


def read(text: str) -> Record:
    """Read a record, which begins with v=spf1.  Raises Malformed."""
    directives, redirects = [], []
    for word in text.split(" ")[1:]:
        if not word:
            continue
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            directives.append(_directive(word))
        elif modifier[1].lower() == "redirect":
            redirects.append(modifier[2])
    if len(redirects) > 1 or (redirects and not redirects[0]):
        raise Malformed("redirect= must have one target")
    has_all = any(term.name == "all" for term in directives)
    return Record(tuple(directives), redirects[0] if redirects and not has_all else "")


def _directive(word: str) -> Term:
    if word.lower().lstrip("+?~-").startswith(("ip4:", "ip6:")):
        return _network(word)
    found = _DIRECTIVE.fullmatch(word)
    if found is None:
        raise Malformed(f"not understood: {word[:80]}")
    qualifier, name, target, four, six = found.groups()
    name = name.lower()
    if name == "all" and target is None and four is None and six is None:
        return Term(qualifier or "+", name, text=word)
    has_bits = four is not None or six is not None
    if name not in _ASKING or (name in _NEED_TARGET and not target) or target == "":
        raise Malformed(f"not understood: {word[:80]}")
    if has_bits and name not in ("a", "mx"):
        raise Malformed(f"a length where none belongs: {word[:80]}")
    bits = (int(four or 32), int(six or 128))
    if bits[0] > 32 or bits[1] > 128:
        raise Malformed(f"a length that no address has: {word[:80]}")
    return Term(qualifier or "+", name, target or "", bits, text=word)


def _network(word: str) -> Term:
    qualifier = word[0] if word[0] in "+?~-" else "+"
    name, _, text = word.lstrip("+?~-").partition(":")
    kind: type[IPv4Network] | type[IPv6Network] = IPv4Network if name.lower() == "ip4" else IPv6Network
    try:
        return Term(qualifier, name.lower(), network=kind(text, strict=False), text=word)
    except ValueError:
        raise Malformed(f"no network: {word[:80]}") from None


def expand(text: str, query: Query, domain: str) -> str:
    """Put values in place of macros (section 7).  Raises Malformed."""
    if "%" not in text:
        return text.lower().rstrip(".")
    if "%" in _MACRO.sub("", text):
        raise Malformed(f"macro not understood: {text[:80]}")
    return _MACRO.sub(lambda found: _value(found, query, domain), text).lower().rstrip(".")


def _value(found: re.Match[str], query: Query, domain: str) -> str:
    letter, digits, reverse, delimiters, plain = found.groups()
    if plain:
        return _PLAIN[plain]
    parts = re.split(f"[{re.escape(delimiters or '.')}]", _raw(letter.lower(), query, domain))
    if reverse:
        parts.reverse()
    if digits:
        if not int(digits):
            raise Malformed("a macro of no parts")
        parts = parts[-int(digits) :]
    return ".".join(parts)


def _raw(letter: str, query: Query, domain: str) -> str:
    if letter == "i":
        if query.ip.version == 4:
            return str(query.ip)
        return ".".join(query.ip.exploded.replace(":", ""))
    values = {
        "s": f"{query.local}@{query.domain}",
        "l": query.local,
        "o": query.domain,
        "d": domain,
        "p": "unknown",  # section 7.3: not to be used
        "v": "in-addr" if query.ip.version == 4 else "ip6",
        "h": query.helo or query.domain,
    }
    return values[letter]
