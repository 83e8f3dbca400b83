"""`GET /api/v1/jobs/<id>/results`: docs/api/job-request.md."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from verification.api import job_answers, query, schema
from verification.api.base import ApiView
from verification.api.job_steering import job_of
from verification.domain.job_results import Wanted, results_after
from verification.engine.types import Blame, Reason, Result

RESULTS_LIMIT = 1_000
RESULTS_DEFAULT = 100
E = TypeVar("E", bound=StrEnum)


class ResultsView(ApiView):
    """What was found out so far."""

    scopes: ClassVar = {"GET": Scope.RESULTS}

    @extend_schema(**schema.READ_RESULTS)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Give the verdicts of a job, in the order of its recipients; those not tried yet are left out.

        `next` leads to the rest; of a job that still runs, begin again later to get what was decided meanwhile.
        """
        job = job_of(request, job_id)
        limit = query.number(request, "limit", default=RESULTS_DEFAULT, least=1, most=RESULTS_LIMIT)
        after = query.number(request, "after", default=-1, least=-1, most=2**31 - 1)
        found = results_after(job=job, after=after, limit=limit + 1, wanted=wanted(request))
        next_url = None
        if len(found) > limit:
            rest = {"after": found[limit - 1].check_row.position, "limit": limit}
            filters = {name: text for name, text in request.query_params.items() if name not in rest}
            next_url = request.build_absolute_uri(f"{request.path}?{urlencode(rest | filters)}")
        return Response(job_answers.results(job, found[:limit], next_url=next_url))


def wanted(request: Request) -> Wanted:
    """Read the filters.  Raises ValidationError."""
    final = query.text_of(request, "final")
    if final not in (None, "true", "false"):
        raise ValidationError({"final": ["Must be true or false."]})
    return Wanted(
        results=members(request, "result", Result),
        reasons=members(request, "reason", Reason),
        blames=members(request, "blame", Blame),
        final=None if final is None else final == "true",
    )


def members(request: Request, name: str, kind: type[E]) -> list[E]:
    if query.text_of(request, name) is None:
        return []
    return [kind(value) for value in query.some_of(request, name, choices=[one.value for one in kind])]
