"""Downloads that are prepared first, as they take long to make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled, config_of, require
from verification.domain import export_kinds, prepared
from verification.domain.row_filter import Chosen
from verification.models import Job, PreparedFile, PreparedState
from verification.web.access import AccountRequest, account_page, page
from verification.web.row_choice import choice_of
from verification.web.shown import shown_files

STOP_POLLING = 286  # htmx's own status code
PIECE_BYTES = 256 * 1024


def job_of(request: AccountRequest, job_id: UUID) -> Job:
    return get_object_or_404(Job.objects.of(request.membership.account), pk=job_id)


def check_allowed(request: AccountRequest) -> None:
    """Raises PermissionDenied where downloads are switched off."""
    try:
        require(config_of(request.membership.account), "exports")
    except FeatureDisabled:
        raise PermissionDenied(gettext("Downloads are switched off for this account.")) from None


@require_POST
@account_page(Permission.EXPORT)
def prepare(request: AccountRequest, job_id: UUID, kind: str) -> HttpResponseBase:
    """Have the rows that were asked for prepared as a file; asking twice prepares one."""
    found = job_of(request, job_id)
    check_allowed(request)
    try:
        prepared.ask(job=found, kind=kind, chosen=choice_of(request.GET).chosen, user=request.user)
    except export_kinds.TooManyRows as more:
        messages.warning(request, str(more))
    except prepared.TooManyWaiting as enough:
        messages.warning(request, str(enough))
    return redirect("job", account=request.membership.account.slug, job_id=found.pk)


@require_safe
@account_page(Permission.EXPORT)
def prepared_files(request: AccountRequest, job_id: UUID) -> HttpResponseBase:
    """Give the part of the job's page that tells of its files; the last answer stops the polling."""
    found = job_of(request, job_id)
    files = shown_files(job=found, files=prepared.of_job(job=found))
    is_waiting = any(file.is_waiting for file in files)
    context = {"job": found, "files": files, "files_waiting": is_waiting, "fragment": True}
    return page(request, "verification/prepared.html", context, status=200 if is_waiting else STOP_POLLING)


@require_safe
@account_page(Permission.EXPORT)
def prepared_file(request: AccountRequest, job_id: UUID, file_id: UUID) -> HttpResponseBase:
    """Send a file that is ready; where it lies on another machine its rows are sent as they are read."""
    found = job_of(request, job_id)
    check_allowed(request)
    file = get_object_or_404(PreparedFile, pk=file_id, job=found, account=request.membership.account)
    if file.state != PreparedState.READY:
        raise Http404
    chosen = Chosen.from_dict(file.choice)
    response = StreamingHttpResponse(content_type=export_kinds.KINDS[file.kind].content_type)
    try:
        response.streaming_content = pieces_of(file.path.open("rb"))
        response.headers["Content-Length"] = str(file.size)
    except FileNotFoundError:
        response.streaming_content = export_kinds.pieces(job=found, kind=file.kind, chosen=chosen)
    name = export_kinds.name_of(found, file.kind, chosen)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE_BYTES):
            yield piece
