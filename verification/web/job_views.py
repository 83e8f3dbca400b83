"""One job: its progress, its verdicts, its rows, its download."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_POST, require_safe

from accounts.domain.access import Permission, may
from accounts.domain.config import FeatureDisabled, config_of, require
from verification.domain import (
    export_kinds,
    job_pages,
    job_rows,
    jobs,
    lists,
    prepared,
    retries,
    uploads,
)
from verification.domain.job_rows import Order
from verification.domain.outlook import outlook
from verification.models import Job
from verification.web.access import AccountRequest, account_page, page
from verification.web.bring_views import NO_UPLOADS
from verification.web.forms import cursor
from verification.web.quote_views import job_of, quote_page
from verification.web.row_choice import choice_of
from verification.web.row_order import heads, orders
from verification.web.saved import saved_filters_of
from verification.web.shown import (
    FILTERS,
    PRESETS,
    conversation,
    filter_lists,
    shown,
    shown_files,
    shown_in_history,
    shown_providers,
    slices,
    time_left,
)
from verification.web.words import provider_of

STOP_POLLING = 286  # htmx's own status code
ACTIONS = {"pause": jobs.pause, "resume": jobs.resume, "cancel": jobs.cancel}


def progress_of(job: Job) -> dict[str, Any]:  # Any: template context
    shares, providers = job_pages.shares_and_providers(job=job)
    ahead = outlook(job=job)
    return {
        "job": job,
        "state": state_of(job),
        "providers": shown_providers(providers),
        "slices": slices(job=job, shares=shares),
        "time_left": time_left(job=job, now=timezone.now()),
        "next_try_at": ahead.next_try_at,
        "waiting_for": ahead.waiting_for,
    }


def state_of(job: Job) -> str:
    """Name what buttons and rows depend on: the status, and whether there are rows at all."""
    return job.status if job.total else "empty"


@require_safe
@gzip_page  # fifty rows and their links; packed they are a tenth
@account_page(Permission.VIEW)
def job(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Show a job with the rows that were asked for."""
    found = job_of(request, job_id)
    if found.waits_for_start:
        return quote_page(request, found)
    choice = choice_of(request.GET)
    rows = job_rows.rows_page(
        job=found,
        chosen=choice.chosen,
        order=choice.order,
        after=cursor(request.GET.get("after")),
        before=cursor(request.GET.get("before")),
    )
    progress = progress_of(found)
    context = progress | {
        "section": "lists",
        "rows": [shown(row) for row in rows.rows],
        "rows_page": rows,
        "choice": choice,
        "presets": PRESETS,
        "is_back": "before" in request.GET,
        "is_narrowed": choice.chosen.is_narrowed or choice.order != Order.PLACE,
        "filters": [(key.value, title) for key, title in FILTERS.items()],
        "orders": orders(choice),
        "saved": saved_filters_of(found, choice),
        "heads": heads(choice),
        "leaves_out": job_rows.leaves_out(choice.chosen, choice.order),
        "lists": filter_lists(choice.chosen, progress["providers"]),
        "exports": config_of(request.membership.account).exports,
        **files_of(request, found),
    }
    return page(request, "verification/job.html", context)


def files_of(request: AccountRequest, job: Job) -> dict[str, Any]:  # Any: template context
    """Give which kinds of file are prepared first, and what was prepared; nothing to those who may not have it."""
    if not may(request.membership.role, Permission.EXPORT):
        return {}
    files = shown_files(job=job, files=prepared.of_job(job=job))
    return {
        "prepared_kinds": [kind for kind in export_kinds.KINDS if prepared.is_big(job=job, kind=kind)],
        "files": files,
        "files_waiting": any(file.is_waiting for file in files),
    }


@require_safe
@account_page(Permission.VIEW)
def row(request: AccountRequest, job_id: UUID, row_number: int) -> HttpResponseBase:
    """Show all that is known of one row: its verdict, what to do, and what the mail servers said."""
    found = job_of(request, job_id)
    this = job_rows.row_of(job=found, number=row_number)
    if this is None:
        raise Http404
    this.check.job = found
    in_history = shown_in_history(this, days=config_of(request.membership.account).retention_days)
    context = {
        "section": "lists",
        "job": found,
        "row": in_history.row,
        "shown": in_history,
        "conversation": conversation(this),
        "provider": provider_of(this.verdict.evidence) if this.verdict else "",
        "cells": list(zip_longest(found.columns, this.check.original or [], fillvalue="")),
        "query": choice_of(request.GET).query,
        "previous": row_number - 1,
        "following": row_number + 1 if row_number < found.total else None,
    }
    return page(request, "verification/row.html", context)


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
    """Stream the rows that were asked for, with their verdicts, as a file."""
    found = job_of(request, job_id)
    chosen = choice_of(request.GET).chosen
    try:
        require(config_of(request.membership.account), "exports")
    except FeatureDisabled:
        raise PermissionDenied(gettext("Downloads are switched off for this account.")) from None
    try:
        pieces = export_kinds.pieces(job=found, kind=kind, chosen=chosen)
    except export_kinds.TooManyRows as more:
        messages.warning(request, str(more))
        return redirect("job", account=request.membership.account.slug, job_id=found.pk)
    if prepared.is_big(job=found, kind=kind):
        messages.info(request, gettext("A workbook of so many rows is prepared first: choose XLSX on this page."))
        return redirect("job", account=request.membership.account.slug, job_id=found.pk)
    response = StreamingHttpResponse(pieces, content_type=export_kinds.KINDS[kind].content_type)
    name = export_kinds.name_of(found, kind, chosen)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


@require_POST
@account_page(Permission.UPLOAD)
def again(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Bring the undecided rows as a new list; its page says what it would cost, and starts it once."""
    found = job_of(request, job_id)
    try:
        brought = retries.bring_undecided(job=found, user=request.user, now=timezone.now())
    except retries.NothingUndecided:
        messages.warning(request, gettext("This list has no undecided rows."))
    except FeatureDisabled:
        messages.warning(request, NO_UPLOADS)
    except (uploads.UploadRefused, lists.ListRefused) as refusal:
        messages.warning(request, str(refusal))
    else:
        return redirect("upload", account=request.membership.account.slug, upload_id=brought.pk)
    return redirect("job", account=request.membership.account.slug, job_id=found.pk)


@require_POST
@account_page(Permission.MANAGE_JOBS)
def act(request: AccountRequest, job_id: UUID, action: str) -> HttpResponseBase:
    """Pause, resume or cancel."""
    found = job_of(request, job_id)
    try:
        ACTIONS[action](job=found)
    except jobs.WrongStatus:
        messages.warning(
            request,
            gettext("This list is %(status)s: there is nothing to %(action)s.")
            % {"status": found.get_status_display().lower(), "action": action},
        )
    return redirect("job", account=request.membership.account.slug, job_id=found.pk)


@require_POST
@account_page(Permission.MANAGE_JOBS)
def delete(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Delete a job with its addresses and results."""
    found = job_of(request, job_id)
    jobs.delete(job=found, actor=request.user)
    messages.success(request, gettext("The list is deleted, with its addresses and results."))
    return redirect("lists", account=request.membership.account.slug)
