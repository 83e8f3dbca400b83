"""What the pages show of jobs and checks: rows by page and by kind, and the shares of the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from django.db.models import Count, Min, Model, Q, QuerySet, Sum

from accounts.models import Account
from verification.engine.types import Reason, Result
from verification.models import Batch, Check, CheckResult, Classifier, Job, JobStatus, Tally

PAGE_ROWS = 50
M = TypeVar("M", bound=Model)


class RowFilter(StrEnum):
    """Which rows of a job to show."""

    ALL = "all"
    OK = "Ok"
    BAD = "Bad"
    RETRY_LATER = "RetryLater"
    UNVERIFIABLE = "Unverifiable"
    WAITING = "waiting"
    REFUSED = "refused"
    DUPLICATE = "duplicate"


VERDICTS = {RowFilter(result.value): result for result in Result}
KINDS = {
    RowFilter.ALL: Q(),
    RowFilter.WAITING: Q(classifier=Classifier.TAKEN) & (Q(verdict=None) | Q(verdict__final=False)),
    RowFilter.REFUSED: ~Q(classifier__in=[Classifier.TAKEN, Classifier.DUPLICATE]),
    RowFilter.DUPLICATE: Q(classifier=Classifier.DUPLICATE),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A check as a page shows it; `verdict` is None as long as there is none."""

    check: Check
    verdict: CheckResult | None


@dataclass(frozen=True, slots=True)
class RowsPage:
    """Some rows; `before` and `after` are the cursors of the neighbouring pages, None at the ends."""

    rows: list[Row]
    before: int | None = None
    after: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """How many final verdicts of a kind a job has."""

    result: Result
    reason: Reason
    count: int


def rows_page(
    *,
    job: Job,
    kind: RowFilter = RowFilter.ALL,
    reason: Reason | None = None,
    after: int | None = None,
    before: int | None = None,
) -> RowsPage:
    """Give rows in the order of the list, after or before a cursor, else the first ones."""
    if kind in VERDICTS:
        results = CheckResult.objects.filter(job=job, result=VERDICTS[kind]).select_related("check_row")
        if reason is not None:
            results = results.filter(reason=reason)
        found, previous, following = cut(results, "check_row_id", after, before)
        return RowsPage([Row(result.check_row, result) for result in found], previous, following)
    if is_known_empty(job, kind):
        return RowsPage([])
    checks = Check.objects.filter(KINDS[kind], job=job).select_related("verdict")
    page, previous, following = cut(checks, "position", after, before)
    return RowsPage(with_verdicts(job, page), previous, following)


def is_known_empty(job: Job, kind: RowFilter) -> bool:
    """Save a walk over all rows of a job where its counters tell that none will be found."""
    counter = {RowFilter.WAITING: job.waiting, RowFilter.REFUSED: job.refused, RowFilter.DUPLICATE: job.duplicate}
    return counter.get(kind) == 0 and not (kind == RowFilter.WAITING and job.cancelled)


def cut(rows: QuerySet[M], key: str, after: int | None, before: int | None) -> tuple[list[M], int | None, int | None]:
    """Give a page of rows in the order of `key`, and the cursors of the pages before and after it."""
    if before is not None:
        found = list(rows.filter(**{f"{key}__lt": before}).order_by(f"-{key}")[: PAGE_ROWS + 1])
    else:
        since = rows if after is None else rows.filter(**{f"{key}__gt": after})
        found = list(since.order_by(key)[: PAGE_ROWS + 1])
    more = len(found) > PAGE_ROWS
    del found[PAGE_ROWS:]
    if before is not None:
        found.reverse()
    if not found:
        return found, None, None
    has_previous = more if before is not None else after is not None
    has_following = before is not None or more
    first, last = getattr(found[0], key), getattr(found[-1], key)
    return found, first if has_previous else None, last if has_following else None


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


def shares(*, job: Job) -> list[Share]:
    """Give how many final verdicts of each kind a job has, in the order of the vocabulary."""
    counted = Tally.objects.filter(job=job).values_list("result", "reason").annotate(total=Sum("count"))
    found = [Share(Result(result), Reason(reason), total) for result, reason, total in counted if total]
    order = [*Result], [*Reason]
    return sorted(found, key=lambda share: (order[0].index(share.result), order[1].index(share.reason)))


def next_try_at(*, job: Job) -> datetime | None:
    """Tell when the next of the rows is due that are all a job waits for; None while others are open."""
    if job.status != JobStatus.RUNNING:
        return None
    batches = Batch.objects.filter(job=job).aggregate(untried=Count("pk", filter=Q(tries=0)), next=Min("due_at"))
    due: datetime | None = batches["next"]
    return due if not batches["untried"] else None


def results_of_jobs(*, jobs: Sequence[Job]) -> dict[object, dict[Result, int]]:
    """Give the number of final verdicts by result of several jobs, by the jobs' ids."""
    counts: dict[object, dict[Result, int]] = {job.pk: dict.fromkeys(Result, 0) for job in jobs}
    counted = Tally.objects.filter(job__in=[job.pk for job in jobs]).values_list("job_id", "result")
    for job_id, result, total in counted.annotate(total=Sum("count")):
        counts[job_id][Result(result)] = total
    return counts


def single_checks(*, account: Account, before: int | None = None) -> RowsPage:
    """Give an account's single checks, newest first, older than a cursor (the id of a check)."""
    checks = Check.objects.of(account).filter(job=None)
    last = checks.filter(pk=before).first() if before is not None else None
    if last is not None:
        checks = checks.filter(
            Q(created_at__lt=last.created_at) | Q(created_at=last.created_at, pk__lt=last.pk),
            created_at__lte=last.created_at,  # the part that the index can use
        )
    found = list(checks.select_related("verdict").order_by("-created_at", "-pk")[: PAGE_ROWS + 1])
    rows = [Row(check, getattr(check, "verdict", None)) for check in found[:PAGE_ROWS]]
    return RowsPage(rows, after=rows[-1].check.pk if len(found) > PAGE_ROWS else None)
