"""Why a part of a mailbox is refused, in words that can be shown and stored whatever the text was."""

from __future__ import annotations

import unicodedata


class Refused(ValueError):
    """A part of a mailbox breaks its grammar.  `detail` is one printable line with the clause."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def describe(char: str) -> str:
    """Name one character: `"` as it is, anything else outside printable ASCII by number and name."""
    if "!" <= char <= "~":
        return f"'{char}'"
    name = "SPACE" if char == " " else unicodedata.name(char, "")
    return f"U+{ord(char):04X} {name}".rstrip()
