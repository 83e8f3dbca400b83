"""Results as a file: the original columns in the original order, then ours; UTF-8 without a byte order mark.

Rows are fetched by ranges of positions, each its own short statement: memory stays flat, and a slow reader holds no
transaction and no connection of a pool.  Checks never change and final results neither, so the pieces fit together;
a row that will be tried again shows its present verdict.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import Max

from verification.domain.cells import RESULT_COLUMNS, guard, named
from verification.domain.row_filter import EVERYTHING, Chosen
from verification.engine.geo import country_of_domain
from verification.models import Job

ROWS_PER_STATEMENT = 5_000
STATUS_INFO = RESULT_COLUMNS.index("Additional Status Info")  # where a row that was not taken says why

# A duplicate row shows the verdict of the first row with its mailbox.  LIMIT keeps the planner from reading all results
# of a long job for each of its pieces.
OF_A_PIECE = """
FROM verification_check c
LEFT JOIN LATERAL (
    SELECT * FROM verification_checkresult WHERE check_row_id = CASE WHEN c.duplicate_of IS NULL THEN c.id ELSE (
        SELECT f.id FROM verification_check f WHERE f.job_id = c.job_id AND f.position = c.duplicate_of
    ) END LIMIT 1
) r ON true
WHERE c.job_id = %s AND c.account_id = %s AND c.position >= %s AND c.position < %s
"""
ONLY = "AND c.id = ANY(%s) "
ROWS = f"""
SELECT c.original, c.address, c.domain, r.result,
       CASE WHEN r.result IS NULL AND c.classifier NOT IN ('', 'DUPLICATE') THEN c.classifier ELSE r.reason END,
       r.mail_server_location, r.blame,
       to_char(r.checked_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), r.normalized, r.did_you_mean
{OF_A_PIECE}"""  # constants
PLACES = ROWS.replace("SELECT ", "SELECT c.block, c.block_index, c.id, ", 1)
Fetched = tuple[list[str] | None, str, str, str | None, str | None, str, str, str, str, str]


def export_csv(*, job: Job, chosen: Chosen = EVERYTHING) -> Iterator[bytes]:
    """Give the job's rows as CSV, or those chosen, piece by piece.

    Rows not tried yet have empty result columns; those refused without being looked at have their classifier.
    """
    yield encoded([header_of(job, guard)])
    for lines in lines_of(job, chosen, guard):
        yield encoded(lines)


def header_of(job: Job, as_text: Callable[[str], str]) -> list[str]:
    columns = job.columns or ["email"]
    if job.address_columns:
        return [as_text(column) for column in (*columns, *result_columns(job))]
    return [as_text(column) for column in columns] + list(RESULT_COLUMNS)


def lines_of(job: Job, chosen: Chosen, as_text: Callable[[str], str]) -> Iterator[Iterable[list[str]]]:
    """Give the cells of each row, piece by piece; `as_text` makes those harmless that hold what customers wrote."""
    width = len(job.columns or ["email"])
    if job.address_columns:
        yield from wide_lines(job, chosen, as_text)
        return
    for rows in pieces_of(job, ROWS, chosen):
        yield [line(row, width, as_text=as_text) for row in rows]


def pieces_of(job: Job, statement: str, chosen: Chosen) -> Iterator[list[Any]]:  # Any: columns of the statement
    """Give the rows of a job by ranges of positions; the statement takes job, account, first and end."""
    last: int | None = job.checks.aggregate(last=Max("position"))["last"]
    statement = f"{statement}{'' if chosen == EVERYTHING else ONLY}ORDER BY c.position"
    for first in range(0, -1 if last is None else last + 1, ROWS_PER_STATEMENT):
        values: list[Any] = [job.pk, job.account_id, first, first + ROWS_PER_STATEMENT]  # Any: SQL parameters
        if chosen != EVERYTHING:
            values.append(numbers_of(job, chosen, first))
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            fetched = cursor.fetchall()
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        yield fetched


def numbers_of(job: Job, chosen: Chosen, first: int) -> list[int]:
    """Give the ids of the checks that are chosen of a range of positions."""
    piece = job.checks.filter(position__gte=first, position__lt=first + ROWS_PER_STATEMENT)
    return list(piece.filter(chosen.of_checks()).values_list("pk", flat=True))


def line(row: Fetched, width: int, *, as_text: Callable[[str], str] = guard) -> list[str]:
    """Give the cells of a row."""
    original, address, *_ = row
    return theirs(original or [address], width, as_text) + ours(row, as_text)


def theirs(original: list[str], width: int, as_text: Callable[[str], str]) -> list[str]:
    """Give the cells that a row came with."""
    return [as_text(cell) for cell in original] + [""] * (width - len(original))


def ours(row: Fetched, as_text: Callable[[str], str]) -> list[str]:
    """Give the cells that we add to a row."""
    _, address, domain, result, reason, server_country, blame, checked_at, normalized, meant = row
    if result is None:
        cells = [""] * len(RESULT_COLUMNS)
        cells[STATUS_INFO] = reason or ""
        return cells
    cells = [as_text(address), result, reason or "", country_of(domain), server_country, blame, checked_at]
    return [*cells, as_text(normalized), as_text(meant)]


Place = tuple[Any, ...]  # Any: line of the list, which of its address columns, id of the check, then Fetched
LINE = itemgetter(0)


def result_columns(job: Job) -> list[str]:
    """Give the columns that we add where several hold addresses: all of ours for each, under its name."""
    names = [job.columns[column] for column in job.address_columns]
    numbered = [
        name if name.strip() and names.count(name) == 1 else f"{name} (column {column + 1})".strip()
        for name, column in zip(names, job.address_columns, strict=True)
    ]
    return [ours for name in numbered for ours in named(name)]


def wide_lines(job: Job, chosen: Chosen, as_text: Callable[[str], str]) -> Iterator[list[list[str]]]:
    """Give each line of a list whole that has an address among those chosen, with what became of all of them.

    The last line of a piece may go on in the next one.
    """
    begun: list[Place] = []
    for number, places in enumerate(pieces_of(job, PLACES, EVERYTHING)):
        wanted = None if chosen == EVERYTHING else set(numbers_of(job, chosen, number * ROWS_PER_STATEMENT))
        begun += [(*place, wanted is None or place[2] in wanted) for place in places]
        if begun:
            last = LINE(begun[-1])
            yield wide(job, (place for place in begun if LINE(place) != last), as_text)
            begun = [place for place in begun if LINE(place) == last]
    yield wide(job, begun, as_text)


def wide(job: Job, places: Iterable[Place], as_text: Callable[[str], str]) -> list[list[str]]:
    lines = (list(line) for _, line in groupby(places, key=LINE))
    return [wide_line(job, line, as_text) for line in lines if any(place[-1] for place in line)]


def wide_line(job: Job, line: list[Place], as_text: Callable[[str], str]) -> list[str]:
    """Give the cells of a line: those it came with, then ours for each address column, empty where it has none."""
    rows = {place: row for _, place, _, *row, _ in line}
    original: list[str] = next((row[0] for row in rows.values() if row[0]), [])
    cells = theirs(original, len(job.columns), as_text)
    for place in range(len(job.address_columns)):
        cells += ours(tuple(rows[place]), as_text) if place in rows else [""] * len(RESULT_COLUMNS)
    return cells


@lru_cache(maxsize=10_000)
def country_of(domain: str) -> str:
    return country_of_domain(domain)


def encoded(lines: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
