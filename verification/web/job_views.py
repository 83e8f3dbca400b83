"""One job: its progress, its verdicts, its rows, its download."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled, config_of, require
from verification.domain import export_kinds, job_pages, jobs, organisations
from verification.domain.job_pages import RowFilter
from verification.engine.types import Reason
from verification.models import Job
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import cursor, one_of
from verification.web.shown import FILTERS, shown, slices, time_left
from verification.web.words import REASONS

STOP_POLLING = 286  # htmx's own status code
ACTIONS = {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}


def job_of(request: AccountRequest, job_id: UUID) -> Job:
    jobs_of_account = Job.objects.of(request.membership.account)
    return get_object_or_404(jobs_of_account.select_related("upload", "created_by"), pk=job_id)


def progress_of(job: Job) -> dict[str, Any]:  # Any: template context
    return {
        "job": job,
        "state": state_of(job),
        "slices": slices(job=job, shares=job_pages.shares(job=job)),
        "time_left": time_left(job=job, now=timezone.now()),
        "next_try_at": job_pages.next_try_at(job=job),
        "waiting_for": organisations.waiting_for(job=job),
    }


def state_of(job: Job) -> str:
    """Name what buttons and rows depend on: the status, and whether there are rows at all."""
    return job.status if job.total else "empty"


@require_safe
@account_page(Permission.VIEW)
def job(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Show a job with the rows that were asked for."""
    found = job_of(request, job_id)
    kind = one_of(RowFilter, request.GET.get("show")) or RowFilter.ALL
    reason = one_of(Reason, request.GET.get("reason"))
    rows = job_pages.rows_page(
        job=found,
        kind=kind,
        reason=reason,
        after=cursor(request.GET.get("after")),
        before=cursor(request.GET.get("before")),
    )
    context = progress_of(found) | {
        "section": "lists",
        "rows": [shown(row) for row in rows.rows],
        "rows_page": rows,
        "kind": kind.value,
        "reason": reason,
        "reason_title": REASONS[reason].title if reason else "",
        "filters": [(key.value, title) for key, title in FILTERS.items()],
        "exports": config_of(request.membership.account).exports,
    }
    return page(request, "verification/job.html", context)


@require_safe
@account_page(Permission.VIEW)
def progress(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Give the part of the page that changes; the last answer stops the polling."""
    found = job_of(request, job_id)
    response = page(
        request,
        "verification/job_progress.html",
        progress_of(found) | {"fragment": True},
        status=STOP_POLLING if found.has_ended else 200,
    )
    if request.GET.get("was") != state_of(found):
        response["HX-Trigger-After-Swap"] = "job-changed"  # buttons and rows are fetched anew, too
    return response


@require_safe
@account_page(Permission.VIEW)
def chart(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Give the parts of the chart."""
    found = job_of(request, job_id)
    parts = slices(job=found, shares=job_pages.shares(job=found))
    return JsonResponse({"slices": [{"key": part.key, "title": part.title, "count": part.count} for part in parts]})


@require_safe
@account_page(Permission.EXPORT)
def export(request: AccountRequest, job_id: UUID, kind: str) -> HttpResponseBase:
    """Stream the rows with their verdicts as a file."""
    found = job_of(request, job_id)
    try:
        require(config_of(request.membership.account), "exports")
    except FeatureDisabled:
        raise PermissionDenied("Downloads are switched off for this account.") from None
    try:
        pieces = export_kinds.pieces(job=found, kind=kind)
    except export_kinds.TooManyRows as more:
        messages.warning(request, str(more))
        return redirect("job", account=request.membership.account.slug, job_id=found.pk)
    response = StreamingHttpResponse(pieces, content_type=export_kinds.KINDS[kind].content_type)
    name = export_kinds.name_of(found, kind)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


@require_POST
@account_page(Permission.MANAGE_JOBS)
def act(request: AccountRequest, job_id: UUID, action: str) -> HttpResponseBase:
    """Pause, resume or cancel."""
    found = job_of(request, job_id)
    try:
        ACTIONS[action](job=found)
    except jobs.WrongStatus:
        messages.warning(request, f"This list is {found.get_status_display().lower()}: there is nothing to {action}.")
    return redirect("job", account=request.membership.account.slug, job_id=found.pk)


@require_POST
@account_page(Permission.MANAGE_JOBS)
def delete(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Delete a job with its addresses and results."""
    found = job_of(request, job_id)
    jobs.delete(job=found, actor=request.user)
    messages.success(request, "The list is deleted, with its addresses and results.")
    return redirect("lists", account=request.membership.account.slug)
