"""The kinds of files that results are downloaded as."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from verification.domain.exports import export_csv
from verification.domain.exports_jsonl import export_jsonl
from verification.domain.exports_xlsx import MOST_ROWS, TOO_LONG, export_xlsx
from verification.domain.row_filter import EVERYTHING, Chosen, RowFilter
from verification.models import Job

__all__ = ["KINDS", "MOST_ROWS", "TOO_LONG", "ExportKind", "TooManyRows", "name_of", "pieces"]


NAMES = {RowFilter.OK: "good", RowFilter.RETRY_LATER: "try-again"}


class TooManyRows(Exception):
    """More rows than a file of this kind can hold."""


@dataclass(frozen=True, slots=True)
class ExportKind:
    content_type: str
    export: Callable[..., Iterator[bytes]]
    most_rows: int | None = None
    most_at_once: int | None = None  # rows of a job of which a file is sent as it is made; of more it is prepared


KINDS: dict[str, ExportKind] = {
    "csv": ExportKind("text/csv; charset=utf-8", export_csv),
    "xlsx": ExportKind(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        export_xlsx,
        most_rows=MOST_ROWS,
        most_at_once=200_000,
    ),
    "jsonl": ExportKind("application/jsonl", export_jsonl),
}


def pieces(*, job: Job, kind: str, chosen: Chosen = EVERYTHING) -> Iterator[bytes]:
    """Give a job's rows, or those chosen, as a file, piece by piece.  Raises TooManyRows."""
    check_size(job=job, kind=kind)
    return KINDS[kind].export(job=job, chosen=chosen)


def check_size(*, job: Job, kind: str) -> None:
    """Raises TooManyRows."""
    most = KINDS[kind].most_rows
    if most is not None and job.total > most:
        raise TooManyRows(TOO_LONG)


def name_of(job: Job, kind: str, chosen: Chosen = EVERYTHING) -> str:
    """Name the file after the list and what was chosen of it."""
    part = "checked" if chosen.kind is RowFilter.ALL else NAMES.get(chosen.kind, chosen.kind.value.lower())
    return f"{(job.name or 'results').rsplit('.', 1)[0]}-{part}{'-some' if chosen.is_narrowed else ''}.{kind}"
