"""Lists of names: roles, free and disposable providers, spam traps.  Files with version and source lie in data/."""

from __future__ import annotations

import re
from functools import cache, lru_cache
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
    if name.translate(_SEPARATORS) in _names("roles.txt"):
        return True
    return "-" in name and _LIST_OWNERS.fullmatch(name) is not None


@lru_cache(maxsize=1_024)
def is_free(ascii_domain: str) -> bool:
    """Tell whether anybody can have a mailbox there."""
    return _holds(_names("free.txt"), ascii_domain)


def is_disposable(ascii_domain: str, *extra: frozenset[str]) -> bool:
    """Tell whether mailboxes there are made to be thrown away; `extra` holds further lower-case domains."""
    return _is_known_disposable(ascii_domain) or any(_holds(names, ascii_domain) for names in extra)


@lru_cache(maxsize=1_024)
def _is_known_disposable(ascii_domain: str) -> bool:
    return _holds(_names("disposable.txt"), ascii_domain)


def is_spam_trap(address: Address, *extra: frozenset[str]) -> bool:
    """Tell whether mail there marks its sender; `extra` holds further lower-case domains and mailboxes."""
    if address.fault is not None:
        return False
    lists = [names for names in (_names("spam_traps.txt"), *extra) if names]
    if not lists:
        return False
    mailbox = address.mailbox.lower()
    return any(mailbox in names or _holds(names, address.ascii_domain) for names in lists)


def load() -> None:
    """Read the files now: a quarter of a second that would hold up whatever is in flight."""
    for file in ("roles.txt", "free.txt", "disposable.txt", "spam_traps.txt"):
        _names(file)


def _holds(names: frozenset[str], domain: str) -> bool:
    return bool(names) and not names.isdisjoint(_itself_and_parents(domain))


@lru_cache(maxsize=1_024)
def _itself_and_parents(domain: str) -> tuple[str, ...]:
    labels = domain.split(".")
    return tuple(".".join(labels[start:]) for start in range(len(labels)))


@cache
def _names(file: str) -> frozenset[str]:
    with (_DATA / file).open(encoding="ascii") as lines:
        return frozenset(line.rstrip("\n") for line in lines if not line.startswith("#"))
