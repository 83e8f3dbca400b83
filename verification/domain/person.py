"""Finds one person's address in texts, however it is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from verification.engine import syntax
from verification.engine.mailbox import domains_of, normalized

ERASED = "(erased)"  # stands where an address was
_BEFORE = r"(?:^'|(?<![\w.!#$%&'*+/=?^`{|}~-]))"  # no character of a longer local part
_AFTER = r"(?![\w-]|\.\w)"  # nor of a longer domain
_AFTER_IN_A_NAME = r"(?![\w-])"  # in names of files a dot and a word may follow


class NoAddress(ValueError):
    """A text that is no address; str() says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """A mailbox: as it was told, and as its provider files it, without regard to case."""

    names: frozenset[str]
    domains: frozenset[str]  # where the same mailbox may have another name
    in_text: re.Pattern[str] = field(repr=False)
    in_name: re.Pattern[str] = field(repr=False)
    needles: tuple[str, ...] = ()

    def owns(self, text: str) -> bool:
        """Tell whether a text is this person's address, with or without a display name."""
        if "@" not in text:
            return False
        text = syntax.split_display_name(text)
        domain = text.rpartition("@")[2]
        if domain.isascii() and domain.lower() not in self.domains:  # the most of every list
            return False
        address = syntax.parse(text)
        return bool({address.mailbox.casefold(), normalized(address).casefold()} & self.names)

    def is_in(self, text: str, *, name: bool = False) -> bool:
        """Tell whether a text holds the address; `name`: one like that of a file."""
        if "@" not in text:
            return False
        folded = text.casefold()
        if any(needle in folded for needle in self.needles):
            return bool((self.in_name if name else self.in_text).search(folded)) or self.owns(text)
        return self.owns(text)

    def is_in_any(self, texts: Sequence[str] | None) -> bool:
        return any(map(self.is_in, texts or ()))

    def without(self, texts: Sequence[str]) -> list[str]:
        """Give the texts, with those that hold the address replaced."""
        return [ERASED if self.is_in(text) else text for text in texts]


def person(text: str) -> Person:
    """Read whose address is meant.  Raises NoAddress."""
    address = syntax.parse(syntax.split_display_name(text))
    if address.fault is not None:
        raise NoAddress(address.fault_detail or "That is not an e-mail address.")
    names = frozenset({address.mailbox.casefold(), normalized(address).casefold()})
    needles = tuple(sorted(names | {address.text.casefold()}))
    escaped = "|".join(map(re.escape, needles))
    return Person(
        names=names,
        domains=domains_of(address),
        in_text=re.compile(f"{_BEFORE}(?:{escaped}){_AFTER}"),
        in_name=re.compile(f"{_BEFORE}(?:{escaped}){_AFTER_IN_A_NAME}"),
        needles=needles,
    )
