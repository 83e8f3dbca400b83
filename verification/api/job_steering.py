"""`POST /api/v1/jobs/<id>/pause|resume|cancel`."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import ClassVar
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from verification.api import job_answers, schema_jobs
from verification.api.base import ApiView, account_of
from verification.api.errors import PROBLEM, problem
from verification.domain import jobs
from verification.models import Job, JobStatus


def job_of(request: Request, job_id: UUID) -> Job:
    """Give a job of the caller's account; a stranger's is not there."""
    job = Job.objects.of(account_of(request)).filter(pk=job_id).first()
    if job is None:
        raise Http404
    return job


class SteeringView(ApiView):
    """An act upon a job; sent again it changes nothing and gets the same answer."""

    scopes: ClassVar = {"POST": Scope.JOBS}
    act: Callable[..., None]
    done: frozenset[JobStatus]  # where a job is that this was done to

    def steer(self, request: Request, job_id: UUID) -> Response:
        job = job_of(request, job_id)
        try:
            type(self).act(job=job)
        except jobs.WrongStatus:
            job.refresh_from_db()
            if job.status not in self.done:
                detail = f"The job is {job.status}."
                refused = problem(HTTPStatus.CONFLICT, detail, code="WRONG_STATUS")
                return Response(refused, status=HTTPStatus.CONFLICT, content_type=PROBLEM)
        job.refresh_from_db()
        return Response(job_answers.status(job))


class PauseView(SteeringView):
    act = jobs.pause
    done = frozenset({JobStatus.PAUSED})

    @extend_schema(**schema_jobs.PAUSE)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Claim no more of a job's rows; those being asked are still written."""
        return self.steer(request, job_id)


class ResumeView(SteeringView):
    act = jobs.resume
    done = frozenset({JobStatus.PARSING, JobStatus.RUNNING})

    @extend_schema(**schema_jobs.RESUME)
    def post(self, request: Request, job_id: UUID) -> Response:
        """Go on with a paused job."""
        return self.steer(request, job_id)


class CancelView(SteeringView):
    act = jobs.cancel
    done = frozenset({JobStatus.CANCELLED})

    @extend_schema(**schema_jobs.CANCEL)
    def post(self, request: Request, job_id: UUID) -> Response:
        """End a job: results stay, what has none yet is not charged."""
        return self.steer(request, job_id)
