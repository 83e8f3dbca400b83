"""Saved filters as the page of a list shows them."""

from __future__ import annotations

from dataclasses import dataclass

from verification.domain import saved_filters
from verification.models import Job
from verification.web.row_choice import Choice


@dataclass(frozen=True, slots=True)
class Saved:
    """A filter with a name; `query` is what its links ask for."""

    number: int
    name: str
    query: str
    is_present: bool


def saved_filters_of(job: Job, choice: Choice) -> list[Saved]:
    return [
        Saved(number, name, Choice(chosen).query, chosen == choice.chosen)
        for number, name, chosen in saved_filters.offered(job)
    ]
