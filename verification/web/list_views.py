"""Lists: all of them, a new one, and what we found in it before it starts."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.domain import quota
from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled, config_of
from verification.domain import intake, job_pages, lists, uploads
from verification.engine.types import Result
from verification.models import Job, Upload
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import StartForm, UploadForm
from verification.web.shown import DELIMITERS, ENCODINGS

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


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.UPLOAD)
def upload(request: AccountRequest, upload_id: UUID) -> HttpResponseBase:
    """Show what we found in a file; POST starts its job."""
    account = request.membership.account
    found = get_object_or_404(Upload.objects.filter(account=account), pk=upload_id)
    started = Job.objects.of(account).filter(upload=found).first()
    if started is not None:
        return redirect("job", account=account.slug, job_id=started.pk)
    columns = columns_to_choose(found)
    initial = {"address_column": found.address_column, "has_header": found.has_header}
    form = StartForm(request.POST or None, columns=columns, initial=initial)
    if request.method == "POST" and form.is_valid():
        column = form.cleaned_data["address_column"]
        try:
            job = intake.start_list(
                upload=found, address_column=column, user=request.user, now=timezone.now(), has_header=form.header
            )
        except quota.QuotaExceeded as refusal:
            form.add_error(
                None,
                f"This list needs {refusal.needed:,} checks and this account has {refusal.left:,} left this month.",
            )
        except FeatureDisabled:
            form.add_error(None, NO_UPLOADS)
        except intake.AccountInactive:
            form.add_error(None, "This account is suspended: no new lists can be checked.")
        except (intake.IntakeRefused, lists.ListRefused) as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("job", account=account.slug, job_id=job.pk)
    return upload_page(request, found, form, columns)


def columns_to_choose(upload: Upload) -> list[int]:
    return sorted({upload.address_column, *lists.address_columns(upload.sample)})


def upload_page(request: AccountRequest, upload: Upload, form: StartForm, columns: list[int]) -> HttpResponse:
    names = [name.strip() or f"Column {number}" for number, name in enumerate(upload.columns, 1)]
    shown = sorted({*range(min(len(names), 8)), *columns})
    context = {
        "section": "lists",
        "upload": upload,
        "form": form,
        "choices": [(str(column), names[column]) for column in columns],
        "has_header": form["has_header"].value(),
        "rows_below_header": upload.row_count - (not upload.has_header),
        "rows_in_all": upload.row_count + upload.has_header,
        "chosen": str(form["address_column"].value()),
        "header": [(names[column], column in columns) for column in shown],
        "sample": [[(cells[column], column in columns) for column in shown] for cells in upload.sample],
        "hidden_columns": len(names) - len(shown),
        "encoding": ENCODINGS.get(upload.encoding, upload.encoding.upper()),
        "delimiter": DELIMITERS[upload.delimiter],
        "left": quota.left(account_id=upload.account_id),
    }
    return page(request, "verification/upload.html", context, status=422 if form.errors else 200)
