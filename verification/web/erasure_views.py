"""Erasing one person's address, and the receipts of it: what is shown to whoever asked to be forgotten."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.domain.access import Permission
from accounts.domain.config import config_of
from verification.domain import erasures
from verification.models import Erasure
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import EraseForm
from verification.web.receipts import receipt_text

SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_ACCOUNT)
def erase(request: AccountRequest) -> HttpResponseBase:
    """Show how long addresses are kept and what was erased; POST erases an address."""
    account = request.membership.account
    form = EraseForm(request.POST or None, initial={"email": request.GET.get("email", "")[:500]})
    if request.method == "POST" and form.is_valid():
        try:
            asked = erasures.ask(account=account, email=form.cleaned_data["email"], actor=request.user)
        except erasures.NoAddress as fault:
            form.add_error("email", gettext("That cannot be erased: %(fault)s") % {"fault": fault})
        except erasures.TooManyErasures:
            form.add_error(
                None,
                gettext("%(number)s erasures are under way; wait until some are done.")
                % {"number": erasures.MOST_OPEN},
            )
        else:
            messages.success(request, gettext("The address is being erased. This is the receipt."))
            return redirect("erasure", account=account.slug, erasure_id=asked.pk)
    receipts = Erasure.objects.of(account).newest_first().select_related("requested_by", "key")
    context = {
        "section": "settings",
        "tab": "erase",
        "form": form,
        "receipts": receipts[:SHOWN],
        "days": config_of(account).retention_days,
    }
    return page(request, "verification/erase.html", context, status=422 if form.errors else 200)


def erasure_of(request: AccountRequest, erasure_id: UUID) -> Erasure:
    erasures_of_account = Erasure.objects.of(request.membership.account)
    return get_object_or_404(erasures_of_account.select_related("requested_by", "key", "account"), pk=erasure_id)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_ACCOUNT)
def erasure(request: AccountRequest, erasure_id: UUID) -> HttpResponseBase:
    """Show a receipt; POST tells whether it is that of an address, which is not kept."""
    found = erasure_of(request, erasure_id)
    form = EraseForm(request.POST or None)
    is_theirs = None
    if request.method == "POST" and form.is_valid():
        try:
            is_theirs = erasures.is_of(found, form.cleaned_data["email"])
        except erasures.NoAddress as fault:
            form.add_error("email", gettext("That cannot be compared: %(fault)s") % {"fault": fault})
    context = {"section": "settings", "tab": "erase", "receipt": found, "form": form, "is_theirs": is_theirs}
    return page(request, "verification/erasure.html", context, status=422 if form.errors else 200)


@require_safe
@account_page(Permission.MANAGE_ACCOUNT)
def receipt(request: AccountRequest, erasure_id: UUID) -> HttpResponseBase:
    """Give a receipt as a text file."""
    found = erasure_of(request, erasure_id)
    response = HttpResponse(receipt_text(found), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = content_disposition_header(True, f"erasure-{found.pk}.txt") or ""
    return response
