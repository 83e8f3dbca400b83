"""Uploaded lists: what they hold, and their rows.  One pass, constant memory, whatever the size."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from verification.domain.cells import is_our_export, unguard
from verification.domain.list_columns import address_columns, is_address, places_of_addresses
from verification.domain.list_text import (
    LIKELY_ENCODINGS,
    MAX_LINE,
    ListRefused,
    ListTooLong,
    ListUnclear,
    encoding_of,
    refuse_undecodable,
    text_lines,
)
from verification.models import Upload

__all__ = [
    "ListRefused",
    "ListUnclear",
    "Look",
    "Reading",
    "address_columns",
    "glimpse",
    "is_address",
    "look",
    "places_of_addresses",
    "rows",
    "set_header",
]

DELIMITERS = ",;\t|"
ENCODINGS = ["utf-8", *LIKELY_ENCODINGS, "latin-1"]  # that may be chosen
MAX_COLUMNS = 1_000
GUESS_LINES = 200
LOOK_ROWS = 1_000
SAMPLE_ROWS = 20
SAMPLE_CELL = 200  # characters
ONLY_A_HEADER = "The list has only one row: if that is a header, there is nothing to check."
FEWER = "Take columns out that you do not need, or choose another separator."

csv.field_size_limit(MAX_LINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read; what is None is guessed.

    `quoted`: quotation marks hold cells together; else they are letters like others.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quoted: bool = True
    has_header: bool | None = None
    column: int | None = None
    more: tuple[int, ...] = ()  # columns of addresses besides
    cut: bool = False  # take as many rows as are allowed, and leave the others


GUESS = Reading()


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at a file found.

    `delimiter` is "" for one address a line.  `columns` is the header, padded to the widest row; made-up names when
    the file has none.  `sample` holds the first data rows, padded, long cells cut.  `row_count` is the number of
    data rows that are not blank.
    """

    encoding: str
    delimiter: str
    has_header: bool
    columns: list[str]
    address_columns: list[int]
    row_count: int
    sample: list[list[str]]
    quoted: bool = True
    more_columns: list[int] = field(default_factory=list)  # that are checked, too
    check_count: int | None = None  # addresses in them all; None where one column is checked


def look(path: Path, *, filename: str, max_rows: int | None = None, reading: Reading = GUESS) -> Look:
    """Find out how to read a list file, as far as the reading leaves it open.

    Raises ListRefused; ListUnclear when another reading may help.
    """
    encoding = encoding_for(path, reading)
    delimiter = delimiter_of(path, encoding) if reading.delimiter is None else reading.delimiter
    head = list(islice(records(path, encoding, delimiter, quoted=reading.quoted), LOOK_ROWS))
    if not head:
        raise ListRefused(f"{filename} has only blank rows.")
    found = address_columns(head)
    if reading.column is not None:
        found = [reading.column, *(column for column in found if column != reading.column)]
    if not found:
        raise ListUnclear("No column holds e-mail addresses. The list needs one address in each row.")
    has_header = not any("@" in cell for cell in head[0]) if reading.has_header is None else reading.has_header
    columns = [found[0], *reading.more]
    size = measure(
        records(path, encoding, delimiter, quoted=reading.quoted), reading, columns, max_rows, int(has_header)
    )
    if not size.rows:
        raise ListRefused(ONLY_A_HEADER)
    if max(columns) >= size.width:
        raise ListUnclear(f"There is no column {max(columns) + 1:,}: read this way the list has {size.width:,}.")
    return Look(
        encoding=encoding,
        delimiter=delimiter,
        has_header=has_header,
        address_columns=found,
        row_count=size.rows,
        more_columns=columns[1:],
        check_count=size.checks if reading.more else None,
        quoted=reading.quoted,
        **shown(head, size.width, has_header=has_header, column=found[0]),
    )


def encoding_for(path: Path, reading: Reading) -> str:
    """Give the encoding that was asked for, if it reads the file.  Raises ListRefused."""
    if reading.encoding is None:
        return encoding_of(path)
    refuse_undecodable(path, reading.encoding)
    return reading.encoding


def shown(head: list[list[str]], width: int, *, has_header: bool, column: int) -> dict[str, Any]:  # Any: fields of Look
    """Give the names of the columns, and the first rows, from the beginning of a list."""
    columns = padded(head[0], width) if has_header else made_up_names(width, column)
    sample = head[int(has_header) :][:SAMPLE_ROWS]
    if is_our_export(columns):
        columns, *sample = [[unguard(cell) for cell in cells] for cells in (columns, *sample)]
    cut = [padded([cell[:SAMPLE_CELL] for cell in cells], width) for cells in sample]
    return {"columns": columns, "sample": cut}


def glimpse(path: Path) -> Look:
    """Give what can be shown of a file that is unclear.  Latin-1 without quotation marks reads whatever it is."""
    try:
        encoding = encoding_of(path)
    except ListUnclear:
        encoding = "latin-1"
    delimiter = delimiter_of(path, encoding)
    try:
        head = list(islice(records(path, encoding, delimiter), SAMPLE_ROWS))
    except ListUnclear:
        head = list(islice(records(path, encoding, delimiter, quoted=False), SAMPLE_ROWS))
    head = [[cell[:SAMPLE_CELL] for cell in cells[:MAX_COLUMNS]] for cells in head]
    width = max(map(len, head))
    return Look(
        encoding=encoding,
        delimiter=delimiter,
        has_header=False,
        address_columns=address_columns(head) or [0],
        row_count=0,
        **shown(head, width, has_header=False, column=width),
    )


def rows(upload: Upload) -> Iterator[list[str]]:
    """Give the data rows: no header, no blank rows.  Raises ListRefused."""
    found = records(upload.path, upload.encoding, upload.delimiter, quoted=upload.quoted)
    if upload.has_header:
        next(found, None)
    if upload.is_cut:
        found = islice(found, upload.row_count)
    if not is_our_export(upload.columns):
        return found
    return ([unguard(cell) for cell in cells] for cells in found)


def set_header(upload: Upload, *, has_header: bool) -> None:
    """Take the first row of a file for the header, or for data, against the guess.  Raises ListRefused."""
    if has_header == upload.has_header:
        return
    if not upload.path.exists():
        raise ListRefused("The uploaded file is gone.")
    if upload.is_cut or upload.more_columns:
        raise ListRefused("Have the list read again first: its first row was taken another way.")
    rows = upload.row_count + (-1 if has_header else 1)
    if not rows:
        raise ListRefused(ONLY_A_HEADER)
    first = next(records(upload.path, upload.encoding, upload.delimiter, quoted=upload.quoted))
    width = len(upload.columns)
    columns = padded(first, width) if has_header else made_up_names(width, upload.address_column)
    if is_our_export(columns):
        columns = [unguard(cell) for cell in columns]
    upload.has_header, upload.row_count, upload.columns = has_header, rows, columns


def records(path: Path, encoding: str, delimiter: str, *, quoted: bool = True) -> Iterator[list[str]]:
    """Give every row that is not blank.  Raises ListRefused."""
    lines = text_lines(path, encoding)
    if not delimiter:
        yield from ([only_cell(line)] for line in lines if line.strip())
        return
    if not quoted:
        split = (line.rstrip("\r\n").split(delimiter) for line in lines)
        yield from ([only_cell(cell) for cell in cells] for cells in split if any(map(str.strip, cells)))
        return
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    begun = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield cells
            begun = reader.line_num + 1
    except csv.Error:
        raise ListUnclear(
            f'Line {begun:,}: the quotation marks do not match. A " inside a quoted cell must be doubled.', begun
        ) from None


def only_cell(line: str) -> str:
    """Read a line of a list with one address a line, which a spreadsheet may have put into quotes."""
    cell = line.strip()
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def delimiter_of(path: Path, encoding: str) -> str:
    """Guess by the first lines: most rows are split, and into the same number of cells.  "" when none does."""
    lines = list(islice((line for line in text_lines(path, encoding) if line.strip()), GUESS_LINES))
    best, best_score = "", (0.5, 0.0, 0)  # less than half of the rows split: no delimiter
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=delimiter) if cells)
        except csv.Error:
            continue
        if not widths:
            break
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]))
        total = widths.total()
        score = (1 - widths[1] / total, count / total, width)
        if width > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


@dataclass(frozen=True, slots=True)
class Size:
    """Data rows of a list, the addresses in them, and the cells of the widest one."""

    rows: int
    checks: int
    width: int


def measure(found: Iterable[list[str]], reading: Reading, columns: list[int], max_rows: int | None, skip: int) -> Size:
    """Count rows behind those to skip: of a list that is cut, as far as no more addresses are in them than allowed.

    Raises ListRefused.
    """
    rows = checks = widest = 0
    for number, cells in enumerate(found, 1):
        if len(cells) > widest:
            widest = len(cells)
            if widest > MAX_COLUMNS:
                raise ListUnclear(f"Row {number:,} has {widest:,} columns; {MAX_COLUMNS:,} are possible. {FEWER}")
        if number <= skip:
            continue
        here = len(places_of_addresses(cells, columns)) if reading.more else 1
        if reading.cut and max_rows is not None and checks + here > max_rows:
            break
        rows, checks = rows + 1, checks + here
    if max_rows is not None and checks > max_rows:
        raise ListTooLong(max_rows, checks, "addresses" if reading.more else "rows")
    return Size(rows, checks, widest)


def padded(cells: list[str], width: int) -> list[str]:
    return cells + [""] * (width - len(cells))


def made_up_names(width: int, address_column: int) -> list[str]:
    return ["Email" if column == address_column else f"Column {column + 1}" for column in range(width)]
