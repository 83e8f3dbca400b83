"""Checking the undecided rows of a job again: as a list of their own, which is quoted and started as any."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from accounts.models import User
from verification.domain import uploads
from verification.domain.exports import ROWS_PER_STATEMENT
from verification.domain.row_filter import Chosen, RowFilter
from verification.models import Job, Upload

AGAIN = "Address to check again"  # before the columns of a list whose rows had several addresses
UNDECIDED = Chosen(kind=RowFilter.UNDECIDED)


class NothingUndecided(Exception):
    """Each row of the job is good or bad, or has no verdict."""


def bring_undecided(*, job: Job, user: User, now: datetime) -> Upload:
    """Keep the undecided rows, with their original columns, as a new list that waits to be started.

    Raises NothingUndecided, and what `uploads.receive` raises.
    """
    if not job.undecided:
        raise NothingUndecided
    name = f"{(job.name or 'results').rsplit('.', 1)[0]}-again.csv"
    return uploads.receive(account=job.account, user=user, chunks=lines_of(job), filename=name, now=now)


def lines_of(job: Job) -> Iterator[bytes]:
    several = bool(job.address_columns)
    yield encoded([[*([AGAIN] if several else []), *(job.columns or ["email"])]])
    rows = job.checks.filter(UNDECIDED.of_checks(), verdict__final=True).order_by("position")
    found = rows.values_list("original", "address").iterator(chunk_size=ROWS_PER_STATEMENT)
    for original, address in found:
        yield encoded([[*([address] if several else []), *(original or [address])]])


def encoded(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
