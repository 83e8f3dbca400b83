"""Lists: all of them, and a new one."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.domain import quota
from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled, config_of
from verification.domain import job_pages, lists, uploads
from verification.engine.types import Result
from verification.models import Job
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import UploadForm

JOBS_PER_PAGE = 25
STATUS_OF: dict[type[Exception], int] = {uploads.NoRoom: 507, uploads.NotScanned: 503}  # others: 422
NO_UPLOADS = "Uploading lists is switched off for this account. Ask us to switch it on."


@require_safe
@account_page(Permission.VIEW)
def all_lists(request: AccountRequest) -> HttpResponseBase:
    """Show the account's jobs, newest first."""
    account = request.membership.account
    jobs = Job.objects.of(account).newest_first().select_related("created_by", "upload")
    some = Paginator(jobs, JOBS_PER_PAGE).get_page(request.GET.get("page"))
    counts = job_pages.results_of_jobs(jobs=list(some))
    shown = [(job, {result.name.lower(): counts[job.pk][result] for result in Result}) for job in some]
    context = {"section": "lists", "jobs": shown, "page": some, "left": quota.left(account_id=account.pk)}
    return page(request, "verification/lists.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.UPLOAD)
def new_list(request: AccountRequest) -> HttpResponseBase:
    """Take a file or pasted addresses."""
    account = request.membership.account
    if request.method != "POST":
        return new_list_page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return new_list_page(request, form)
    status = 422
    try:
        upload = uploads.receive(
            account=account, user=request.user, chunks=form.chunks(), filename=form.filename, now=timezone.now()
        )
    except (uploads.UploadRefused, lists.ListRefused) as refusal:
        status = STATUS_OF.get(type(refusal), status)
        form.add_error(None, str(refusal))
    except FeatureDisabled:
        form.add_error(None, NO_UPLOADS)
    else:
        return redirect("upload", account=account.slug, upload_id=upload.pk)
    return new_list_page(request, form, status)


def new_list_page(request: AccountRequest, form: UploadForm, refused: int = 422) -> HttpResponse:
    account = request.membership.account
    context = {
        "section": "lists",
        "form": form,
        "config": config_of(account),
        "left": quota.left(account_id=account.pk),
    }
    return page(request, "verification/new_list.html", context, status=refused if form.errors else 200)
