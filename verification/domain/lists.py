"""Uploaded lists: what they hold, and their rows.  One pass, constant memory, whatever the size."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from verification.domain.cells import is_our_export, unguard
from verification.domain.list_text import MAX_LINE, ListRefused, ListTooLong, encoding_of, text_lines
from verification.engine import syntax
from verification.models import Upload

__all__ = ["ListRefused", "Look", "address_columns", "look", "rows", "set_header"]

DELIMITERS = ",;\t|"
MAX_COLUMNS = 1_000
GUESS_LINES = 200
LOOK_ROWS = 1_000
SAMPLE_ROWS = 10
SAMPLE_CELL = 200  # characters
AROUND_AT = re.compile(r"[^\s@]@+[^\s@]")  # a handle like @jane is none

csv.field_size_limit(MAX_LINE)


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


def look(path: Path, *, filename: str, max_rows: int | None = None, delimiter: str | None = None) -> Look:
    """Find out how to read a list file; the delimiter is guessed where none is given.  Raises ListRefused."""
    encoding = encoding_of(path)
    if delimiter is None:
        delimiter = delimiter_of(path, encoding)
    head = list(islice(records(path, encoding, delimiter), LOOK_ROWS))
    if not head:
        raise ListRefused(f"{filename} has only blank rows.")
    found = address_columns(head)
    if not found:
        raise ListRefused("No column holds e-mail addresses. The list needs one address in each row.")
    has_header = not any("@" in cell for cell in head[0])
    row_count, width = measure(path, encoding, delimiter, max_rows=max_rows, skip=int(has_header))
    columns = padded(head[0], width) if has_header else made_up_names(width, found[0])
    sample = head[int(has_header) :][:SAMPLE_ROWS]
    if is_our_export(columns):
        columns, *sample = [[unguard(cell) for cell in cells] for cells in (columns, *sample)]
    return Look(
        encoding=encoding,
        delimiter=delimiter,
        has_header=has_header,
        columns=columns,
        address_columns=found,
        row_count=row_count,
        sample=[padded([cell[:SAMPLE_CELL] for cell in cells], width) for cells in sample],
    )


def rows(upload: Upload) -> Iterator[list[str]]:
    """Give the data rows: no header, no blank rows.  Raises ListRefused."""
    found = records(upload.path, upload.encoding, upload.delimiter)
    if upload.has_header:
        next(found, None)
    if not is_our_export(upload.columns):
        return found
    return ([unguard(cell) for cell in cells] for cells in found)


def set_header(upload: Upload, *, has_header: bool) -> None:
    """Take the first row of a file for the header, or for data, against the guess.  Raises ListRefused."""
    if has_header == upload.has_header:
        return
    if not upload.path.exists():
        raise ListRefused("The uploaded file is gone.")
    rows = upload.row_count + (-1 if has_header else 1)
    if not rows:
        raise ListRefused("The list has only one row: if that is a header, there is nothing to check.")
    first, width = next(records(upload.path, upload.encoding, upload.delimiter)), len(upload.columns)
    columns = padded(first, width) if has_header else made_up_names(width, upload.address_column)
    if is_our_export(columns):
        columns = [unguard(cell) for cell in columns]
    upload.has_header, upload.row_count, upload.columns = has_header, rows, columns


def records(path: Path, encoding: str, delimiter: str) -> Iterator[list[str]]:
    """Give every row that is not blank.  Raises ListRefused."""
    lines = text_lines(path, encoding)
    if not delimiter:
        yield from ([only_cell(line)] for line in lines if line.strip())
        return
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    begun = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield cells
            begun = reader.line_num + 1
    except csv.Error:
        raise ListRefused(
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


def measure(path: Path, encoding: str, delimiter: str, *, max_rows: int | None, skip: int) -> tuple[int, int]:
    """Count the data rows and the cells of the widest one.  Raises ListRefused."""
    count, widest = -skip, 0
    stop = None if max_rows is None else max_rows + skip + 1
    for cells in islice(records(path, encoding, delimiter), stop):
        count += 1
        if len(cells) > widest:
            widest = len(cells)
            if widest > MAX_COLUMNS:
                raise ListRefused(f"Row {count + skip:,} has {widest:,} columns; {MAX_COLUMNS:,} are possible.")
    if max_rows is not None and count > max_rows:
        raise ListTooLong(max_rows)
    return count, widest


def address_columns(records: Sequence[Sequence[str]]) -> list[int]:
    """Give the columns that hold addresses; [] when there is none.

    A column counts when at least half of its cells are addresses.  Where no column does, the one with most cells
    around an @ is taken: a list of bad addresses is a list, too.
    """
    width = max(map(len, records))
    shares = [share_of_addresses(cells_of(records, column)) for column in range(width)]
    likely = [column for column, (valid, _) in enumerate(shares) if valid >= 0.5]
    if likely:
        return likely
    best = max(range(width), key=lambda column: shares[column][1])
    return [best] if shares[best][1] else []


def cells_of(records: Sequence[Sequence[str]], column: int) -> list[str]:
    cells = [cells[column].strip() for cells in records if column < len(cells)]
    if len(cells) > 1 and "@" not in cells[0]:
        del cells[0]  # a header, perhaps
    return [cell for cell in cells if cell]


def share_of_addresses(cells: Sequence[str]) -> tuple[float, float]:
    """Give the share of cells that are addresses, and of those that are meant to be."""
    with_at = [cell for cell in cells if AROUND_AT.search(cell)]
    valid = sum(1 for cell in with_at if syntax.parse(syntax.split_display_name(cell)).fault is None)
    return (valid / len(cells), len(with_at) / len(cells)) if cells else (0.0, 0.0)


def padded(cells: list[str], width: int) -> list[str]:
    return cells + [""] * (width - len(cells))


def made_up_names(width: int, address_column: int) -> list[str]:
    return ["Email" if column == address_column else f"Column {column + 1}" for column in range(width)]
