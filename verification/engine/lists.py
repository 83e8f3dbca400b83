"""Lists of names: roles, free and disposable providers, spam traps.  Files with version and source lie in data/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from verification.engine.types import Address

_DATA = Path(__file__).parent / "data"
_SEPARATORS = str.maketrans("", "", "-_.")
_LIST_OWNERS = re.compile(r"owner-.+|.+-(?:request|owner|admin|bounces?|subscribe|unsubscribe)")  # RFC 2142 section 6


def is_role(user: str) -> bool:
    """Tell whether a local part names a function (info, sales, postmaster: RFC 2142), whatever its tag."""
    if len(user) > 64:
        return False
    name = user.strip('"').lower().partition("+")[0]
    return name.translate(_SEPARATORS) in _names("roles.txt") or _LIST_OWNERS.fullmatch(name) is not None


def is_free(ascii_domain: str) -> bool:
    """Tell whether anybody can have a mailbox there."""
    return _holds(_names("free.txt"), ascii_domain)


def is_disposable(ascii_domain: str, extra: frozenset[str] = frozenset()) -> bool:
    """Tell whether mailboxes there are made to be thrown away; `extra` holds further lower-case domains."""
    return _holds(_names("disposable.txt"), ascii_domain) or (bool(extra) and _holds(extra, ascii_domain))


def is_spam_trap(address: Address, extra: frozenset[str] = frozenset()) -> bool:
    """Tell whether mail there marks its sender; `extra` holds further lower-case domains and mailboxes."""
    if address.fault is not None:
        return False
    mailbox = address.mailbox.lower()
    return any(mailbox in names or _holds(names, address.ascii_domain) for names in (_names("spam_traps.txt"), extra))


def _holds(names: frozenset[str], domain: str) -> bool:
    return any(name in names for name in _itself_and_parents(domain)) if names else False


def _itself_and_parents(domain: str) -> Iterator[str]:
    while domain:
        yield domain
        domain = domain.partition(".")[2]


@cache
def _names(file: str) -> frozenset[str]:
    with (_DATA / file).open(encoding="ascii") as lines:
        return frozenset(line.rstrip("\n") for line in lines if not line.startswith("#"))
