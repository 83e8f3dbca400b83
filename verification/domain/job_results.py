"""The verdicts of a job in the order of its rows, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q

from verification.engine.types import Blame, Reason, Result
from verification.models import Check, CheckResult, Classifier, Job


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which verdicts; an empty filter takes all."""

    results: Sequence[Result] = ()
    reasons: Sequence[Reason] = ()
    blames: Sequence[Blame] = ()
    final: bool | None = None

    def as_q(self) -> Q:
        chosen = Q()
        for field, values in (("result", self.results), ("reason", self.reasons), ("blame", self.blames)):
            if values:
                chosen &= Q(**{f"{field}__in": list(values)})
        return chosen if self.final is None else chosen & Q(final=self.final)


ALL = Wanted()


def results_after(*, job: Job, after: int, limit: int, wanted: Wanted = ALL) -> list[CheckResult]:
    """Give up to `limit` verdicts of rows taken, of those behind a position (-1: from the start)."""
    found = CheckResult.objects.filter(wanted.as_q(), job=job, check_row__classifier=Classifier.TAKEN)
    if after >= 0:
        # numbers follow positions: rows are copied in their order
        last = Check.objects.filter(job=job, position__lte=after).order_by("-position").values_list("pk", flat=True)
        found = found.filter(check_row__gt=last.first() or 0)
    return list(
        found.select_related("check_row").defer("evidence", "check_row__original").order_by("check_row")[:limit]
    )
