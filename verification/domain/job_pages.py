"""What the pages show of jobs: shares of the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Sum

from verification.engine.types import Reason, Result
from verification.models import Job, Tally


@dataclass(frozen=True, slots=True)
class Share:
    """How many final verdicts of a kind a job has."""

    result: Result
    reason: Reason
    count: int


def shares(*, job: Job) -> list[Share]:
    """Give how many final verdicts of each kind a job has, in the order of the vocabulary."""
    counted = Tally.objects.filter(job=job).values_list("result", "reason").annotate(total=Sum("count"))
    return in_order(Share(Result(result), Reason(reason), total) for result, reason, total in counted if total)


def in_order(found: Iterable[Share]) -> list[Share]:
    order = [*Result], [*Reason]
    return sorted(found, key=lambda share: (order[0].index(share.result), order[1].index(share.reason)))


@dataclass(frozen=True, slots=True)
class OfProvider:
    """The final verdicts of a job at one provider of mail hosts; `provider` "": all others."""

    provider: str
    counts: dict[Result, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def shares_and_providers(*, job: Job) -> tuple[list[Share], list[OfProvider]]:
    """Give a job's shares, and its providers: those with most rows first and the others last."""
    kinds: dict[tuple[Result, Reason], int] = {}
    counts: dict[str, dict[Result, int]] = {}
    counted = Tally.objects.filter(job=job).values_list("provider", "result", "reason").annotate(total=Sum("count"))
    for provider, result, reason, total in counted:
        kind = Result(result), Reason(reason)
        kinds[kind] = kinds.get(kind, 0) + total
        counts.setdefault(provider, dict.fromkeys(Result, 0))[kind[0]] += total
    return in_order(Share(*kind, total) for kind, total in kinds.items() if total), providers_of(counts)


def providers_of(counts: dict[str, dict[Result, int]]) -> list[OfProvider]:
    found = [OfProvider(provider, by_result) for provider, by_result in counts.items()]
    return sorted(found, key=lambda each: (not each.provider, -each.total, each.provider))


def results_of_jobs(*, jobs: Sequence[Job]) -> dict[object, dict[Result, int]]:
    """Give the number of final verdicts by result of several jobs, by the jobs' ids."""
    counts: dict[object, dict[Result, int]] = {job.pk: dict.fromkeys(Result, 0) for job in jobs}
    counted = Tally.objects.filter(job__in=[job.pk for job in jobs]).values_list("job_id", "result")
    for job_id, result, total in counted.annotate(total=Sum("count")):
        counts[job_id][Result(result)] = total
    return counts
