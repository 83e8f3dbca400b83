"""A workbook: which sheets it has, and what its cells refer to.

ECMA-376 part 1: 18.2.19 sheets; part 2: 9.3 relationships.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from verification.domain.list_text import ListRefused
from verification.domain.workbooks.package import Package, damaged, opened
from verification.domain.workbooks.sheet import Sheet, Source
from verification.domain.workbooks.styles import EPOCH_1900, EPOCH_1904, Styles
from verification.domain.workbooks.texts import SharedTexts, Texts, escaped
from verification.domain.workbooks.xml import Bounded, parse

MOST_SHEETS = 1_000
SHEET_NAME = 31  # characters; Excel's limit


@dataclass(slots=True)
class Book:
    """Sheets by name with the parts they are in, in their order; hidden ones after those that people see."""

    package: Package
    sheets: dict[str, str] = field(default_factory=dict)
    source: Source = field(default_factory=Source)

    def rows(self, sheet: str) -> Iterator[tuple[int, list[str]]]:
        """Give the rows that are not blank, with their numbers.  Raises ListRefused."""
        part = self.sheets.get(sheet)
        if part is None:
            raise ListRefused(f"This workbook has no sheet “{sheet[:SHEET_NAME]}”.")
        heard = Sheet(part, sheet, self.source)
        for _ in parse(self.package.chunks(part), heard):
            yield from heard.fetch()

    def first_with_rows(self) -> str:
        """Give the name of the first sheet that has any.  Raises ListRefused."""
        for name in self.sheets:
            if next(self.rows(name), None) is not None:
                return name
        raise ListRefused("This workbook has only empty sheets.")


def sheets(path: Path) -> list[str]:
    """Give the names of a workbook's sheets.  Raises ListRefused."""
    with opened(path) as package:
        return list(read_sheets(package)[0])


def rows(path: Path, sheet: str | None = None) -> Iterator[list[str]]:
    """Give the rows of a sheet that are not blank; of the first that has any, where none is named.

    Raises ListRefused.
    """
    with opened(path) as package:
        book = read_book(package)
        for _, cells in book.rows(book.first_with_rows() if sheet is None else sheet):
            yield cells


def read_book(package: Package) -> Book:
    """Read all but the rows.  Raises ListRefused."""
    found, related, epoch = read_sheets(package)
    texts, styles = related.get("sharedStrings"), related.get("styles")
    return Book(
        package,
        found,
        Source(
            texts=read_texts(package, texts) if texts else SharedTexts(),
            dates=read_styles(package, styles) if styles else frozenset(),
            epoch=epoch,
        ),
    )


def read_sheets(package: Package) -> tuple[dict[str, str], dict[str, str], datetime]:
    """Give the sheets with their parts, the other parts by kind, and the day that dates count from."""
    main = related_parts(package, "").by_kind.get("officeDocument", "xl/workbook.xml")
    workbook = Workbook(main)
    finish(package, workbook)
    related = related_parts(package, main)
    known = [(name, related.sheets[key], hidden) for name, key, hidden in workbook.sheets if key in related.sheets]
    if not known:
        raise damaged("it has no sheet")
    found = {name: part for name, part, _ in sorted(known, key=lambda sheet: sheet[2])}
    return found, related.by_kind, EPOCH_1904 if workbook.from_1904 else EPOCH_1900


def finish(package: Package, heard: Bounded) -> None:
    for _ in parse(package.chunks(heard.part), heard):
        pass


class Workbook(Bounded):
    """The names of sheets, the keys of their relationships, and whether they are hidden."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.sheets: list[tuple[str, str, bool]] = []
        self.from_1904 = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.enter(attributes)
        kind = self.local[name]
        if kind == "sheet":
            if len(self.sheets) == MOST_SHEETS:
                raise ListRefused(f"This workbook has more than {MOST_SHEETS:,} sheets.")
            key = next((value for name, value in attributes.items() if name.endswith(":id")), "")
            called = escaped(attributes.get("name", ""))[:SHEET_NAME] or f"Sheet {len(self.sheets) + 1}"
            self.sheets.append((called, key, attributes.get("state", "visible") != "visible"))
        elif kind == "workbookPr":
            self.from_1904 = attributes.get("date1904", "0") in ("1", "true")


class Relationships(Bounded):
    """What a part refers to: sheets by key, others by the last word of their type."""

    def __init__(self, part: str, base: str) -> None:
        super().__init__(part)
        self.sheets: dict[str, str] = {}
        self.by_kind: dict[str, str] = {}
        self._base = base

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.enter(attributes)
        if self.local[name] != "Relationship" or attributes.get("TargetMode") == "External":
            return
        kind = attributes.get("Type", "").rpartition("/")[2]
        part = posixpath.normpath(posixpath.join(self._base, attributes.get("Target", ""))).lstrip("/")
        if kind == "worksheet" and len(self.sheets) < MOST_SHEETS:
            self.sheets[attributes.get("Id", "")] = part
        elif kind in ("officeDocument", "sharedStrings", "styles"):
            self.by_kind[kind] = part


def related_parts(package: Package, part: str) -> Relationships:
    folder, name = posixpath.split(part)
    heard = Relationships(posixpath.join(folder, "_rels", f"{name}.rels"), folder)
    finish(package, heard)
    return heard


def read_texts(package: Package, part: str) -> SharedTexts:
    heard = Texts(part)
    finish(package, heard)
    return heard.texts


def read_styles(package: Package, part: str) -> frozenset[str]:
    heard = Styles(part)
    finish(package, heard)
    return frozenset(heard.dates)
