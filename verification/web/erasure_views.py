"""Erasing one person's address, and the receipts of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from accounts.domain.access import Permission
from accounts.domain.config import config_of
from verification.domain import erasures
from verification.models import Erasure
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import EraseForm

SHOWN = 100


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_ACCOUNT)
def erase(request: AccountRequest) -> HttpResponseBase:
    """Show how long addresses are kept and what was erased; POST erases an address."""
    account = request.membership.account
    form = EraseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            erasures.ask(account=account, email=form.cleaned_data["email"], actor=request.user)
        except erasures.NoAddress as fault:
            form.add_error("email", f"That cannot be erased: {fault}")
        except erasures.TooManyErasures:
            form.add_error(None, f"{erasures.MOST_OPEN} erasures are under way; wait until some are done.")
        else:
            messages.success(request, gettext("The address is being erased; the receipt is below."))
            return redirect("erase", account=account.slug)
    receipts = Erasure.objects.of(account).newest_first().select_related("requested_by", "key")
    context = {
        "section": "settings",
        "tab": "erase",
        "form": form,
        "receipts": receipts[:SHOWN],
        "days": config_of(account).retention_days,
    }
    return page(request, "verification/erase.html", context, status=422 if form.errors else 200)
