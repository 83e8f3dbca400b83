"""New lists: files or pasted addresses taken in, and what became of each.

A page's script sends several files one by one, and asks for JSON; without it they come together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.domain import quota
from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled, config_of
from verification.domain import brought, lists, uploads
from verification.models import Upload
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import UploadForm
from verification.web.words import _

STATUS_OF: dict[type[Exception], int] = {uploads.NoRoom: 507, uploads.NotScanned: 503}  # others: 422
NO_UPLOADS = _("Uploading lists is switched off for this account. Ask us to switch it on.")
NOT_TAKEN = "files_not_taken"  # in the session: of the last form, with why


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: its list, or why there is none."""

    name: str
    upload: Upload | None = None
    refusal: str = ""
    status: int = 422


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.UPLOAD)
def new_list(request: AccountRequest) -> HttpResponseBase:
    """Take files or pasted addresses."""
    if request.method != "POST":
        return new_list_page(request, UploadForm())
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return refused(request, form)
    outcomes = [take(request, name, chunks, form.form_id) for name, chunks in form.sources]
    account = request.membership.account
    if len(outcomes) > 1 or form.cleaned_data["several"]:
        note_refusals(request, form.form_id, outcomes)
        return taken(request, f"{reverse('uploads', args=[account.slug])}?sent={form.form_id}", outcomes)
    if outcomes[0].upload is not None:
        return taken(request, reverse("upload", args=[account.slug, outcomes[0].upload.pk]), outcomes)
    form.add_error(None, outcomes[0].refusal)
    return refused(request, form, outcomes[0].status)


@require_safe
@account_page(Permission.UPLOAD)
def waiting(request: AccountRequest) -> HttpResponseBase:
    """Show the lists that wait to be started; `?sent=` those of one form, with what was not taken."""
    account = request.membership.account
    sent = sent_form(request.GET.get("sent", ""))
    context = {
        "section": "lists",
        "sent": sent,
        "uploads": brought.with_form(account, sent) if sent else brought.waiting(account),
        "not_taken": request.session.get(NOT_TAKEN, {}).get(str(sent), {}).items(),
    }
    return page(request, "verification/uploads.html", context)


def take(request: AccountRequest, name: str, chunks: Iterable[bytes], form_id: UUID) -> Outcome:
    """Keep one file, or tell why not."""
    try:
        upload = uploads.receive(
            account=request.membership.account,
            user=request.user,
            chunks=chunks,
            filename=name,
            now=timezone.now(),
            form=form_id,
        )
    except (uploads.UploadRefused, lists.ListRefused) as refusal:
        return Outcome(name, refusal=str(refusal), status=STATUS_OF.get(type(refusal), 422))
    except FeatureDisabled:
        return Outcome(name, refusal=NO_UPLOADS)
    return Outcome(name, upload)


def note_refusals(request: AccountRequest, form_id: UUID, outcomes: list[Outcome]) -> None:
    """Remember why files of a form were not taken: nothing else is kept of them."""
    known = request.session.get(NOT_TAKEN, {}).get(str(form_id), {})
    known |= {one.name[: uploads.MAX_FILENAME]: one.refusal for one in outcomes}
    still = [(name, refusal) for name, refusal in known.items() if refusal]
    request.session[NOT_TAKEN] = {str(form_id): dict(still[-brought.MOST_FILES :])}


def taken(request: AccountRequest, location: str, outcomes: list[Outcome]) -> HttpResponse:
    if not asks_for_json(request):
        return redirect(location)
    return JsonResponse({"location": location, "refusals": [one.refusal for one in outcomes if one.refusal]})


def refused(request: AccountRequest, form: UploadForm, status: int = 422) -> HttpResponse:
    if not asks_for_json(request):
        return new_list_page(request, form, status)
    words = [str(error) for errors in form.errors.values() for error in errors]
    return JsonResponse({"refusals": words}, status=status)


def asks_for_json(request: AccountRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


def sent_form(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None


def new_list_page(request: AccountRequest, form: UploadForm, refused: int = 422) -> HttpResponse:
    account = request.membership.account
    config = config_of(account)
    token = sent_form(form.data.get("token", "")) if form.is_bound else None
    context = {
        "section": "lists",
        "form": form,
        "token": token or uuid4(),
        "config": config,
        "most_files": brought.MOST_FILES,
        "most_bytes": config.upload_megabytes * brought.MEGABYTE,
        "most_bytes_together": settings.UPLOAD_TOTAL_MEGABYTES * brought.MEGABYTE,
        "was_lost": "sent" in request.GET and request.method != "POST",
        "left": quota.left(account_id=account.pk),
    }
    return page(request, "verification/new_list.html", context, status=refused if form.errors else 200)
