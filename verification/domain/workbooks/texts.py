"""Texts that the cells of a workbook share.

ECMA-376 part 1: 18.4 shared texts, 22.9.2.19 escapes of what XML cannot hold.
"""

from __future__ import annotations

import re
from array import array

from verification.domain.list_text import ListRefused
from verification.domain.workbooks.xml import Bounded

MOST_TEXTS = 128_000_000  # bytes
MOST_COUNT = 5_000_000
ELEMENTS_OF_A_TEXT = 16  # runs with their fonts
MOST_TEXT = 1_000_000  # characters
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


class SharedTexts:
    """Millions of texts in one block of bytes, because a string object each would take four times as much."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("I")

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index: int) -> str:
        begin = self._ends[index - 1] if index else 0
        return self._bytes[begin : self._ends[index]].decode()

    def append(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "replace")
        self._ends.append(len(self._bytes))
        if len(self._bytes) > MOST_TEXTS or len(self._ends) > MOST_COUNT:
            raise ListRefused(
                f"The cells of this workbook hold more than {MOST_COUNT:,} texts, or {MOST_TEXTS // 1_000_000:,} MB. "
                "Save the sheet that you need as CSV (UTF-8) and upload that."
            )


class Texts(Bounded):
    """Texts that cells share; the runs of a rich one are joined, hints of how to pronounce it left out."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.texts = SharedTexts()
        self._runs: list[str] = []
        self._size = 0
        self._is_wanted = False
        self._is_hint = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.enter(attributes)
        kind = self.local[name]
        if kind == "t":
            self._is_wanted = not self._is_hint
        elif kind == "rPh":
            self._is_hint = True

    def text(self, text: str) -> None:
        if self._is_wanted:
            self._runs.append(text)
            self._size += len(text)
            if self._size > MOST_TEXT:
                count = len(self.texts) + 1
                raise ListRefused(f"Text {count:,} of this workbook is longer than {MOST_TEXT:,} characters.")

    def end(self, name: str) -> None:
        self.depth -= 1
        kind = self.local[name]
        if kind == "t":
            self._is_wanted = False
        elif kind == "rPh":
            self._is_hint = False
        elif kind == "si":
            self.texts.append(escaped("".join(self._runs)))
            if self._size:
                self.allowed += ELEMENTS_OF_A_TEXT
            self._runs, self._size = [], 0


def escaped(text: str) -> str:
    """Read _x000D_ and the like; what no text holds, NUL and halves of pairs, stays as it is written."""
    return ESCAPE.sub(lambda found: character(found[0], int(found[1], 16)), text) if "_x" in text else text


def character(written: str, code: int) -> str:
    return written if code == 0 or 0xD800 <= code < 0xE000 else chr(code)
