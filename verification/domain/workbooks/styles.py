"""Which cells of a workbook are dates, and how their numbers are read.

ECMA-376 part 1: 18.8.30 number formats and their codes, 18.17.4.1 serial dates in the 1900 and 1904 systems.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta

from verification.domain.workbooks.xml import Bounded

BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
NOT_A_CODE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')  # quoted text, escapes, fillers, colours and conditions
ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
DATE_CODE = re.compile(r"[dmyhs]", re.IGNORECASE)
EPOCH_1900 = datetime(1899, 12, 30)  # a cell has no time zone
EPOCH_1904 = datetime(1904, 1, 1)
LEAP_DAY_THAT_WAS_NONE = 60  # 29 February 1900, which Excel counts


class Styles(Bounded):
    """Gives the styles of cells (their attribute s) that show dates."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.dates: set[str] = set()
        self._codes: dict[str, str] = {}
        self._in_cell_formats = False
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.enter(attributes)
        kind = self.local[name]
        if kind == "numFmt" and len(self._codes) < 10_000:
            self._codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")[:1_000]
        elif kind == "cellXfs":
            self._in_cell_formats = True
        elif kind == "xf" and self._in_cell_formats:
            if self._shows_date(attributes.get("numFmtId", "0")) and len(self.dates) < 100_000:
                self.dates.add(str(self._count))
            self._count += 1

    def end(self, name: str) -> None:
        self.depth -= 1
        if self.local[name] == "cellXfs":
            self.done = True

    def _shows_date(self, number: str) -> bool:
        code = self._codes.get(number)
        if code is None:
            return number.isascii() and number.isdigit() and len(number) < 4 and int(number) in BUILT_IN_DATES
        return not ELAPSED.search(code) and DATE_CODE.search(NOT_A_CODE.sub("", code)) is not None


def number(text: str, style: str, dates: Collection[str], epoch: datetime) -> str:
    """Show a number as a spreadsheet does: whole where it is whole, a date where its style is one."""
    is_date = style in dates
    if not is_date and len(text) < 16 and text.isascii() and text.isdigit():
        return text
    with suppress(ValueError, OverflowError):
        value = float(text)
        if is_date:
            return as_date(value, epoch)
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
    return text


def as_date(value: float, epoch: datetime) -> str:
    """Give a serial date as ISO 8601; below 1 it is a time of day.  Raises ValueError, OverflowError."""
    if value < 0:
        raise ValueError("no date")
    if epoch == EPOCH_1900 and 1 <= value < LEAP_DAY_THAT_WAS_NONE:
        value += 1
    moment = epoch + timedelta(seconds=round(value * 86_400))
    if value < 1:
        return moment.time().isoformat()
    return moment.date().isoformat() if value == int(value) else moment.isoformat(sep=" ")
