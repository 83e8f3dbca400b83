"""The rows of a sheet, as texts.

ECMA-376 part 1: 18.3.1.4 cells, 18.3.1.73 rows, 18.18.11 types of cells.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from verification.domain.list_text import MAX_LINE, ListRefused
from verification.domain.workbooks.styles import EPOCH_1900, number
from verification.domain.workbooks.texts import SharedTexts, escaped
from verification.domain.workbooks.xml import Bounded

LAST_ROW = 1_048_576
LAST_COLUMN = 16_384  # XFD
MAX_COLUMNS = 1_000  # with something in them
DIGITS = "0123456789"
MOST_CELLS = 10_000_000  # a million rows of ten
ELEMENTS_OF_A_CELL = 4  # itself, its value, its formula, a part of its row
USE_LESS = "Save the rows and columns that you need as a new sheet, or as CSV, and upload that."


@dataclass(frozen=True, slots=True)
class Source:
    """What the cells of all sheets refer to."""

    texts: SharedTexts = field(default_factory=SharedTexts)
    dates: Collection[str] = frozenset()
    epoch: datetime = EPOCH_1900


class Sheet(Bounded):
    """Collects rows until they are fetched."""

    def __init__(self, part: str, name: str, source: Source) -> None:
        super().__init__(part)
        self._name, self._source = name, source
        self._rows: list[tuple[int, list[str]]] = []
        self._row = self._count = 0
        self._cells: list[str] = []
        self._size = 0  # characters of the row
        self._column = -1
        self._type = self._style = ""
        self._texts: list[str] = []
        self._is_wanted = self._is_hint = False
        self._columns: dict[str, int] = {}  # letters of columns that occurred

    def fetch(self) -> list[tuple[int, list[str]]]:
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.enter(attributes)
        kind = self.local[name]
        if kind == "c":
            self._column = self._column_of(attributes.get("r", ""))
            self._type, self._style = attributes.get("t", "n"), attributes.get("s", "")
            self._texts = []
        elif kind == "v":
            self._is_wanted = True
        elif kind == "t":
            self._is_wanted = not self._is_hint
        elif kind == "row":
            self._row = self._row_of(attributes.get("r", ""))
            self._cells, self._column, self._size = [], -1, 0
        elif kind == "rPh":
            self._is_hint = True

    def text(self, text: str) -> None:
        if self._is_wanted:
            self._texts.append(text)
            self._grow(len(text))

    def end(self, name: str) -> None:
        self.depth -= 1
        kind = self.local[name]
        if kind in ("v", "t"):
            self._is_wanted = False
        elif kind == "c":
            if self._texts:
                self._put(self._value("".join(self._texts)))
        elif kind == "row":
            if any(map(str.strip, self._cells)):
                self._rows.append((self._row, self._cells))
        elif kind == "rPh":
            self._is_hint = False
        elif kind == "sheetData":
            self.done = True

    def _value(self, text: str) -> str:
        match self._type:
            case "s":
                shared = self._shared(text)
                self._grow(len(shared))
                return shared
            case "n":
                return number(text, self._style, self._source.dates, self._source.epoch)
            case "b":
                return {"1": "TRUE", "0": "FALSE"}.get(text, text)
            case _:
                return escaped(text)

    def _shared(self, text: str) -> str:
        texts = self._source.texts
        index = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else len(texts)
        if index >= len(texts):
            raise ListRefused(f"{self._where()} points at a text that the workbook does not have.")
        return texts[index]

    def _put(self, value: str) -> None:
        if not value:
            return
        self.allowed += ELEMENTS_OF_A_CELL
        self._count += 1
        if self._count > MOST_CELLS:
            raise ListRefused(f"{self._where()}: there are more than {MOST_CELLS:,} cells before it. {USE_LESS}")
        missing = self._column - len(self._cells)
        if missing < 0:
            self._cells[self._column] = value
            return
        if self._column >= MAX_COLUMNS:
            raise ListRefused(
                f"{self._where()} is in column {self._column + 1:,}; {MAX_COLUMNS:,} columns are possible. {USE_LESS}"
            )
        self._cells.extend([""] * missing)
        self._cells.append(value)

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_LINE:
            raise ListRefused(f"{self._where()}: its row is longer than {MAX_LINE:,} characters. {USE_LESS}")

    def _column_of(self, reference: str) -> int:
        if not reference:
            column = self._column + 1
        else:
            letters = reference.rstrip(DIGITS)
            known = self._columns.get(letters)
            if known is not None:
                return known
            column = column_number(letters)
        if not 0 <= column < LAST_COLUMN:
            raise ListRefused(
                f"Row {self._row:,} of the sheet “{self._name}” has a cell {reference[:20] or 'behind column XFD'}: "
                f"a sheet ends with column XFD. {USE_LESS}"
            )
        if reference:
            self._columns[letters] = column
        return column

    def _row_of(self, reference: str) -> int:
        digits = reference.isascii() and reference.isdigit() and len(reference) < 19
        row = int(reference) if digits else 0 if reference else self._row + 1
        if not 0 < row <= LAST_ROW:
            raise ListRefused(
                f"The sheet “{self._name}” has a row {reference[:20] or f'{row:,}'}: a sheet ends with row "
                f"{LAST_ROW:,}. {USE_LESS}"
            )
        return row

    def _where(self) -> str:
        return f"Cell {column_name(self._column)}{self._row} of the sheet “{self._name}”"


def column_number(letters: str) -> int:
    """Give A as 0; -1 for what is no column."""
    if not (letters.isascii() and letters.isalpha() and len(letters) < 4):
        return -1
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number - 1


def column_name(number: int) -> str:
    name, number = "", number + 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(65 + rest) + name
    return name
