"""`GET /api/v1/events` and `GET /api/v1/jobs/<id>/events`: docs/api/events.md.

A view answers at once, and says in a header where news would show; the layer before Django waits for them there, see
long_poll.py.
"""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from verification.api import schema_events
from verification.api.base import ApiView, account_of
from verification.api.job_steering import job_of
from verification.api.long_poll import LONGEST_WAIT_SECONDS, PLACE
from verification.api.query import number, text_of
from verification.domain import event_shapes, feed
from verification.domain.feed import Cursor, CursorUnfit, Page
from verification.domain.news import OfAccount, OfJob

LIMIT = 1_000
DEFAULT = 100


class JobEventsView(ApiView):
    """What happens in a job."""

    scopes: ClassVar = {"GET": Scope.RESULTS}

    @extend_schema(**schema_events.JOB_EVENTS)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Give what happened in a job behind a number, in the order it happened.

        `next` leads on, also when there is nothing yet; it is null once the job has ended and all of it was given.
        """
        job = job_of(request, job_id)
        limit = bounds(request)
        after = number(request, "after", default=0, least=0, most=2**31 - 1)
        page = feed.of_job(job=job, after=after, limit=limit)
        is_over = job.has_ended and page.after.since >= job.event_seq
        shown = page.messages[0] if page.messages else {"meta": event_shapes.meta(job), "notifications": []}
        response = Response(shown | {"next": None if is_over else next_url(request, page)})
        if not page.messages and not is_over:
            response[PLACE] = str(OfJob(job.account_id, job.pk, after))
        return response


class EventsView(ApiView):
    """What happens in all jobs of an account."""

    scopes: ClassVar = {"GET": Scope.RESULTS}

    @extend_schema(**schema_events.EVENTS)
    def get(self, request: Request) -> Response:
        """Give what happened in the account's jobs behind a place; `next` leads on and is never null."""
        account = account_of(request)
        limit = bounds(request)
        try:
            page = feed.of_account(account=account, after=Cursor.read(text_of(request, "after") or "0"), limit=limit)
        except CursorUnfit:
            raise ValidationError({"after": ["Must come from a `next` of this feed."]}) from None
        response = Response({"events": page.messages, "next": next_url(request, page)})
        if not page.messages:
            response[PLACE] = str(OfAccount(account.pk, page.after.since))
        return response


def bounds(request: Request) -> int:
    """Give the limit; `wait` is for the layer before.  Raises ValidationError."""
    number(request, "wait", default=0, least=0, most=LONGEST_WAIT_SECONDS)
    return number(request, "limit", default=DEFAULT, least=1, most=LIMIT)


def next_url(request: Request, page: Page) -> str:
    query = request.query_params.copy()
    query["after"] = str(page.after)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
