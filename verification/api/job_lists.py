"""`GET /api/v1/jobs`: the account's jobs, newest first."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.db.models import Q
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from verification.api import job_answers, query
from verification.api.base import account_of
from verification.domain.text import storable
from verification.models import Job, JobSource, JobStatus

LIMIT = 100
REFERENCES = {"referenceJob": "reference_job", "costCenter": "cost_center", "campaignId": "campaign_id"}


def listed(request: Request) -> Response:
    """Give a page of the jobs that were asked for.  Raises ValidationError."""
    limit = query.number(request, "limit", default=LIMIT, least=1, most=LIMIT)
    found = Job.objects.of(account_of(request)).filter(wanted(request)).newest_first()
    after = query.behind(request, of="jobs")
    if after is not None:
        at, pk = after
        found = found.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk), created_at__lte=at)
    rows = list(found[: limit + 1])
    more = None
    if len(rows) > limit:
        last = rows[limit - 1]
        more = query.next_url(request, [last.created_at.isoformat(), last.pk], of="jobs")
    return Response({"jobs": [document(job) for job in rows[:limit]], "next": more})


def wanted(request: Request) -> Q:
    """Read the filters.  Raises ValidationError."""
    chosen = Q()
    if query.text_of(request, "status") is not None:
        chosen &= Q(status__in=query.some_of(request, "status", choices=JobStatus.values))
    if query.text_of(request, "source") is not None:
        chosen &= Q(source__in=query.some_of(request, "source", choices=JobSource.values))
    for name, field in REFERENCES.items():
        text = query.text_of(request, name)
        if text is not None:
            chosen &= Q(**{field: storable(text)})
    first, last = query.day(request, "from"), query.day(request, "to")
    if first is not None:
        chosen &= Q(created_at__gte=datetime.combine(first, time.min, UTC))
    if last is not None:
        try:
            chosen &= Q(created_at__lt=datetime.combine(last + timedelta(days=1), time.min, UTC))
        except OverflowError:
            raise ValidationError({"to": ["Must be an earlier day."]}) from None
    return chosen


def document(job: Job) -> dict[str, Any]:  # Any: JSON
    """Show a job in the list: how far it is, and what its owner calls it."""
    called = {name: getattr(job, field) for name, field in REFERENCES.items()}
    return job_answers.status(job) | {"name": job.name, "source": job.source, "sandbox": job.sandbox} | called
