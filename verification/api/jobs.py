"""Jobs: handed in, looked at, read."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.domain.config import FeatureDisabled, config_of, configs_of, require
from accounts.domain.quota import QuotaExceeded
from accounts.models import Scope
from verification.api import job_answers, job_lists, job_request, media_types, schema, schema_jobs
from verification.api.base import ApiView, account_of, key_of
from verification.api.idempotent import Done, Written, once
from verification.api.job_request import JobRequest
from verification.api.job_steering import job_of
from verification.api.rejections import Rejected, SubType, rejection
from verification.domain import attachments, intake, job_features, jobs, sending, uploads
from verification.domain.idempotency import InProgress, Kept, KeyOutOfBounds, KeyReused
from verification.domain.quote import Quote, quote
from verification.models import Job

logger = logging.getLogger("verification.api")


class JobsView(ApiView):
    """Where jobs are handed in; its answers, refusals too, have the shape of the JobRequest contract."""

    scopes: ClassVar = {"GET": Scope.RESULTS, "POST": Scope.JOBS}

    @extend_schema(**schema_jobs.LIST)
    def get(self, request: Request) -> Response:
        """Give the account's jobs, newest first."""
        return job_lists.listed(request)

    @extend_schema(**schema.HAND_IN_JOB)
    def post(self, request: Request) -> Response:
        """Hand in recipients to be verified.  Answers at once; what became of each is in the answer."""
        check_media_type(request)
        if is_dry_run(request):
            return Response(job_answers.quoted(quote_of(request)))
        with uncollected():
            return once(self, request, lambda: hand_in(request), again=lambda kept: given_again(request, kept))

    def handle_exception(self, error: Exception) -> Response:
        """Translate a refusal of the POST into a rejection; other methods get problems as everywhere."""
        if self.request.method != "POST":
            return super().handle_exception(error)
        rejected = as_rejection(error)
        response = Response(rejection(rejected.sub_type, rejected.description), status=rejected.status)
        if rejected.status == HTTPStatus.UNAUTHORIZED:
            response["WWW-Authenticate"] = self.get_authenticate_header(self.request) or "Bearer"
        if rejected.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.CONFLICT):
            response["Retry-After"] = "5"
        if isinstance(error, exceptions.Throttled):
            response["Retry-After"] = str(error.wait)  # type: ignore[attr-defined]  # not in the stubs
        response.exception = True
        return response


@contextmanager
def uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: a request makes a million objects that all stay, and each look holds up others."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def hand_in(request: Request) -> Done:
    """Take a request; of its answer only the job's number is kept, the rest is in its rows."""
    key = key_of(request)
    wanted = read(request)
    outcome = intake.accept_recipients(
        account=key.account,
        key=key,
        recipients=wanted.recipients,
        now=timezone.now(),
        reference_job=wanted.reference_job,
        cost_center=wanted.cost_center,
        campaign_id=wanted.campaign_id,
        features=wanted.features,
        max_age=wanted.max_age,
        greylist_hours=wanted.greylist_hours,
        sender=wanted.sender,
        notification=wanted.notification,
    )
    return Done(HTTPStatus.ACCEPTED, job_answers.accepted(outcome), kept={"jobId": str(outcome.job.pk)})


def read(request: Request) -> JobRequest:
    """Read the body, as far as the account's config lets it be read, and look whether it may name its sender.

    Which row of the config holds is known with the sender only, so this goes by the most generous one.

    Raises Rejected, FeatureDisabled, SenderForbidden, DkimNotPassed, and what attachments.recipients_of raises.
    """
    generous = [config for config in configs_of(account_of(request)) if config.job_requests]
    if not generous:
        raise FeatureDisabled("job_requests")
    limit = max(config.addresses_per_job for config in generous)
    wanted = job_request.read(request._request.body, addresses_limit=limit)
    if wanted.sender is not None:
        sending.check_sender(account=account_of(request), sender=wanted.sender)
    if wanted.notification is not None:
        require(config_of(account_of(request)), "webhooks")
    return with_attached(request, wanted) if wanted.attachments else wanted


def with_attached(request: Request, wanted: JobRequest) -> JobRequest:
    """Add the recipients that are in attachments."""
    found = attachments.recipients_of(
        account=account_of(request),
        attachments=wanted.attachments,
        recipients=wanted.recipients,
        features=wanted.features,
        sending_domain=wanted.sender.domain if wanted.sender else "",
    )
    return replace(wanted, recipients=[*wanted.recipients, *found], attachments=[])


def is_dry_run(request: Request) -> bool:
    """Tell whether only a quote is asked for.  Raises Rejected."""
    values = request.query_params.getlist("dryRun")
    if values not in ([], ["true"], ["false"]):
        raise Rejected(SubType.INVALID_VALUE, "Invalid value for dryRun")
    return values == ["true"]


def quote_of(request: Request) -> Quote:
    """Say what a request would come to; an Idempotency-Key has no part in it, for nothing is done."""
    wanted = read(request)
    return quote(
        key=key_of(request),
        recipients=wanted.recipients,
        features=wanted.features,
        max_age=wanted.max_age,
        greylist_hours=wanted.greylist_hours,
        sending_domain=wanted.sender.domain if wanted.sender else "",
    )


def given_again(request: Request, kept: Kept) -> Response:
    document = json.loads(kept.answer)
    if kept.status == HTTPStatus.ACCEPTED:
        try:
            outcome = intake.accepted_before(account=account_of(request), job_id=document["jobId"])
        except Job.DoesNotExist:
            raise Rejected(SubType.INVALID_VALUE, "The job of this Idempotency-Key was deleted") from None
        return Written(job_answers.accepted(outcome), kept.status)
    return Response(document, status=kept.status)


def check_media_type(request: Request) -> None:
    """Raise Rejected unless the body is plain JSON in UTF-8."""
    if not media_types.JSON_TYPE.fullmatch(request.headers.get("Content-Type", "")):
        raise Rejected(SubType.UNSUPPORTED_MEDIA_TYPE, "The content type must be application/json, in UTF-8")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Rejected(SubType.UNSUPPORTED_MEDIA_TYPE, "A Content-Encoding is not supported")


def as_rejection(error: Exception) -> Rejected:
    match error:
        case Rejected():
            return error
        case exceptions.NotAuthenticated():
            return Rejected(SubType.UNAUTHORIZED, "No license key was given.")
        case exceptions.Throttled():
            return Rejected(SubType.RATE_LIMITED, str(error.detail))
        case exceptions.PermissionDenied():
            return Rejected(SubType.UNAUTHORIZED, str(error.detail))
        case exceptions.AuthenticationFailed():
            return Rejected(SubType.UNAUTHORIZED, str(error.detail))
        case intake.AccountInactive():
            return Rejected(SubType.UNAUTHORIZED, str(error))
        case sending.SenderForbidden():
            return Rejected(SubType.FORBIDDEN_SENDER, "Unsupported value for mail.from.email")
        case sending.DkimNotPassed():
            return Rejected(SubType.FORBIDDEN_BY_CONFIG, "Unsupported value for dkim.lastCheck")
        case FeatureDisabled():
            return Rejected(SubType.DISABLED_IN_ACCOUNT_CONFIG, str(error))
        case job_features.TooManyHours():
            return Rejected(SubType.FORBIDDEN_PARAMS, "Unsupported value for job.options.greylistHours")
        case intake.TooManyRows():
            return Rejected(SubType.LIMIT_EXCEEDED, "Count limit exceeded for recipients")
        case attachments.TooManyAttached():
            return Rejected(SubType.LIMIT_EXCEEDED, f"Count limit exceeded for attachments[{error.index}].content")
        case attachments.AttachmentRefused():
            return Rejected(SubType.INVALID_VALUE, f"Invalid value for attachments[{error.index}].content: {error}")
        case uploads.NotScanned() | uploads.NoRoom():
            return Rejected(SubType.INTERNAL_ERROR, str(error), status=503)
        case QuotaExceeded():
            return Rejected(SubType.QUOTA_EXCEEDED, str(error))
        case KeyOutOfBounds():
            return Rejected(SubType.INVALID_VALUE, "Invalid value for Idempotency-Key")
        case KeyReused():
            return Rejected(SubType.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for another request")
        case InProgress():
            return Rejected(SubType.IN_PROGRESS, "A request under this Idempotency-Key is still being worked on")
        case OperationalError() | InterfaceError():
            logger.warning("no database: %s", error)
            return Rejected(SubType.INTERNAL_ERROR, "The service is not available for the moment", status=503)
    logger.error("job request failed", exc_info=error)
    return Rejected(SubType.INTERNAL_ERROR, "Something broke on our side; nothing was kept")


class JobView(ApiView):
    """One job."""

    scopes: ClassVar = {"GET": Scope.RESULTS, "DELETE": Scope.JOBS}

    @extend_schema(**schema.LOOK_AT_JOB)
    def get(self, request: Request, job_id: UUID) -> Response:
        """Tell how far a job is."""
        return Response(job_answers.status(job_of(request, job_id)))

    @extend_schema(**schema_jobs.DELETE)
    def delete(self, request: Request, job_id: UUID) -> Response:
        """Delete a job with its addresses and results; one that has not ended is cancelled."""
        job = job_of(request, job_id)
        jobs.delete(job=job, actor=None, reason=f"by the key {key_of(request).prefix}…")
        return Response(status=HTTPStatus.NO_CONTENT)
