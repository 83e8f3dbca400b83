"""What the staff's start page shows above the list of models: as much as whoever looks may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from portal import charts
from verification.domain import overview, queue_health
from verification.engine.types import Result

DAYS = 30
TITLES = {
    Result.OK.value: "good",
    Result.BAD.value: "bad",
    Result.UNVERIFIABLE.value: "that cannot be verified",
    Result.RETRY_LATER.value: "to try again later",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a table with a bar; `length` of charts.HEIGHT."""

    name: str
    figure: str
    length: int
    pk: int | None = None


def context(request: HttpRequest, *, now: datetime) -> dict[str, Any]:  # Any: of a template
    """Give the figures and charts that the person may see."""
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "verification.view_dailytally": lambda: _checks(now),
        "verification.view_job": _jobs,
        "verification.view_batch": _queue,
        "accounts.view_account": _accounts,
    }
    shown: dict[str, Any] = {"days": DAYS, "full": charts.HEIGHT}
    for permission, part in parts.items():
        if request.user.has_perm(permission):
            shown |= part()
    return shown


def _checks(now: datetime) -> dict[str, Any]:
    found = overview.checks_by_day(days=DAYS, now=now)
    counts = {kind: found.counts[Result(kind)] for kind in TITLES}
    labels = [f"{day:%-d %b}" for day in found.days]
    shares = overview.undecided_by_provider(days=DAYS, now=now)
    return {
        "by_day": charts.stack(labels, counts, TITLES),
        "ends": (labels[0], labels[DAYS // 2], labels[-1]),
        "figures": [
            (label, *(counts[kind][number] for kind in counts)) for number, label in reversed([*enumerate(labels)])
        ],
        "today": found.total(-1),
        "undecided_today": percent(found.undecided(-1), found.total(-1)),
        "providers": [
            Bar(
                share.provider or "all others",
                f"{percent(share.undecided, share.total)} of {share.total:,}",
                charts.length(share.undecided, share.total),
            )
            for share in shares
        ],
    }


def _jobs() -> dict[str, Any]:
    return {"running": overview.jobs_unended(), "stuck": overview.stuck_jobs(), "most_stuck": overview.MOST_STUCK}


def _queue() -> dict[str, Any]:
    age = queue_health.queue_age()
    bars = [Bar(due.words, f"{due.batches:,}", charts.length(due.batches, age.batches)) for due in age.due]
    return {"queue": bars, "oldest": duration(age.oldest_seconds), "failed": queue_health.failed_tasks()}


def _accounts() -> dict[str, Any]:
    heavy = overview.top_accounts()
    most = heavy[0].used if heavy else 0
    bars = [
        Bar(
            each.account.name,
            f"{each.used:,} of {each.granted:,}",
            charts.length(each.used, most),
            pk=each.account.pk,
        )
        for each in heavy
    ]
    return {"top_accounts": bars}


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def duration(seconds: float) -> str:
    """Tell a time in the largest unit that fits, "–" for none."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return "–" if seconds <= 0 else "under 1 s"
