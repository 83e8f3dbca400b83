"""Rows of a job a page at a time, by their place in the list, address or verdict, whatever they are chosen by.

A page is read along an index.  What it does not hold is looked at row by row, for WALK_ROWS rows at most: then the page
says where it stopped, and the next one goes on from there.  So each answer takes about the same time, however long the
list is and however few of its rows are meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from django.db.models import F, Func, Model, Q, QuerySet, Subquery, TextField, Value
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual

from verification.domain.row_filter import EVERYTHING, OF_CHECKS, Chosen, RowFilter
from verification.models import SORTED_ADDRESS, Check, CheckResult, Job

PAGE_ROWS = 50
WALK_ROWS = 10_000
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Row:
    """A check as a page shows it; `verdict` is None as long as there is none."""

    check: Check
    verdict: CheckResult | None


@dataclass(frozen=True, slots=True)
class RowsPage:
    """Some rows; `before` and `after` are the cursors of the neighbouring pages, None at the ends.

    `stopped`: it ends where enough rows were looked at, and may have fewer than others.
    """

    rows: list[Row]
    before: int | None = None
    after: int | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Cut(Generic[M]):
    """What was found of a page, and what goes round it."""

    found: list[M]
    before: int | None
    after: int | None
    stopped: bool


class Order(StrEnum):
    """What rows are in the order of; rows without a verdict of their own are in no order of verdicts."""

    PLACE = ""
    END = "end"
    ADDRESS = "address"
    ADDRESS_DOWN = "-address"
    VERDICT = "verdict"
    VERDICT_DOWN = "-verdict"

    @property
    def is_falling(self) -> bool:
        return self is Order.END or self.value.startswith("-")


BY_ADDRESS, BY_VERDICT = (Order.ADDRESS, Order.ADDRESS_DOWN), (Order.VERDICT, Order.VERDICT_DOWN)


def rows_page(
    *,
    job: Job,
    chosen: Chosen = EVERYTHING,
    order: Order = Order.PLACE,
    after: int | None = None,
    before: int | None = None,
) -> RowsPage:
    """Give rows after or before a cursor, else the first ones."""
    if is_known_empty(job, chosen.kind):
        return RowsPage([])
    by_verdict = leaves_out(chosen, order)
    if by_verdict or (chosen.result is not None and order not in BY_ADDRESS):
        results = CheckResult.objects.filter(job=job).select_related("check_row")
        if chosen.result is not None:
            results = results.filter(result=chosen.result)
        lead = "result" if by_verdict else ""
        only = chosen.of_results()
        part = cut(results, "check_row_id", after, before, only=only, descending=order.is_falling, lead=lead)
        rows = [Row(result.check_row, result) for result in part.found]
        return RowsPage(rows, part.before, part.after, part.stopped)
    checks = Check.objects.filter(job=job).select_related("verdict")
    key, lead = "position", ""
    if order in BY_ADDRESS:
        checks, key, lead = checks.annotate(sorted_by=SORTED_ADDRESS), "id", "sorted_by"
    pages = cut(checks, key, after, before, only=chosen.of_checks(), descending=order.is_falling, lead=lead)
    return RowsPage(with_verdicts(job, pages.found), pages.before, pages.after, pages.stopped)


def leaves_out(chosen: Chosen, order: Order) -> bool:
    """Tell whether rows without a verdict of their own are left out; those asked for stay, in the order of the list."""
    return order in BY_VERDICT and chosen.kind not in OF_CHECKS


def is_known_empty(job: Job, kind: RowFilter) -> bool:
    """Save a walk over all rows of a job where its counters tell that none will be found."""
    counter = {RowFilter.WAITING: job.waiting, RowFilter.REFUSED: job.refused, RowFilter.DUPLICATE: job.duplicate}
    return counter.get(kind) == 0 and not (kind == RowFilter.WAITING and job.cancelled)


def cut(
    rows: QuerySet[M],
    key: str,
    after: int | None,
    before: int | None,
    *,
    only: Q,
    descending: bool = False,
    lead: str = "",
) -> Cut[M]:
    """Give a page of the rows that fulfil `only`, in the order of `key`, and the cursors of the pages round it.

    `lead`: what comes before `key` in the order; the row that a cursor names tells it.
    """
    is_back = before is not None
    start = before if is_back else after
    rising = is_back == descending
    walked = rows if start is None else beyond(rows, key, start, lead, rising=rising)
    walked = walked.order_by(*(name if rising else f"-{name}" for name in (lead, key) if name))
    end = walked.values_list(key, flat=True)[WALK_ROWS : WALK_ROWS + 1].first() if only else None
    if end is not None:
        walked = beyond(walked, key, end, lead, rising=not rising, with_it=True)
    found = list(walked.filter(only)[: PAGE_ROWS + 1])
    has_more = len(found) > PAGE_ROWS
    del found[PAGE_ROWS:]
    further = getattr(found[-1], key) if has_more else end
    back = start
    if start is not None:  # where nothing was found: what begins with the row that the cursor names
        back = getattr(found[0], key) if found else start + (0 if lead else 1 if rising else -1)
    if is_back:
        return Cut(found[::-1], further, back, stopped=not has_more and end is not None)
    return Cut(found, back, further, stopped=not has_more and end is not None)


def beyond(rows: QuerySet[M], key: str, start: int, lead: str, *, rising: bool, with_it: bool = False) -> QuerySet[M]:
    """Keep the rows that come after one in an order; `with_it`: it, too."""
    if not lead:
        return rows.filter(**{f"{key}__{'gt' if rising else 'lt'}{'e' if with_it else ''}": start})
    mark = Subquery(rows.order_by().filter(**{key: start}).values(lead)[:1])
    return rows.filter(COMPARED[rising, with_it](pair(F(lead), F(key)), pair(mark, Value(start))))


COMPARED = {
    (True, False): GreaterThan,
    (True, True): GreaterThanOrEqual,
    (False, False): LessThan,
    (False, True): LessThanOrEqual,
}


def pair(lead: F | Subquery, key: F | Value) -> Func:
    """Give both as a row of SQL, which is compared along an index."""
    return Func(lead, key, function="ROW", output_field=TextField())


def with_verdicts(job: Job, checks: Sequence[Check]) -> list[Row]:
    """Pair checks with their verdicts; a duplicate has that of the first row with its mailbox."""
    firsts = [check.duplicate_of for check in checks if check.duplicate_of is not None]
    of_first = {
        result.check_row.position: result
        for result in CheckResult.objects.filter(check_row__job=job, check_row__position__in=firsts).select_related(
            "check_row"
        )
    }
    return [
        Row(check, getattr(check, "verdict", None) if check.duplicate_of is None else of_first.get(check.duplicate_of))
        for check in checks
    ]


def row_of(*, job: Job, number: int) -> Row | None:
    """Give the row with a number, counted from 1."""
    checks = list(Check.objects.filter(job=job, position=number - 1).select_related("verdict"))
    return next(iter(with_verdicts(job, checks)), None)
