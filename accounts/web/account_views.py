"""Settings of an account as a whole.  Owners and admins come to rename it; owners, rarely, to close it, which must not
happen by mistake.
"""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from accounts.domain import accounts
from accounts.domain.access import Permission
from accounts.web.access import AccountRequest, account_page, page
from accounts.web.forms import AccountNameForm, CloseForm


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.MANAGE_ACCOUNT)
def account_settings(request: AccountRequest) -> HttpResponseBase:
    """Show an account's settings; POST changes its name."""
    account = request.membership.account
    form = AccountNameForm(request.POST or None, initial={"name": account.name})
    if request.method == "POST" and form.is_valid():
        accounts.change(account=account, actor=request.user, name=form.cleaned_data["name"])
        messages.success(request, gettext("The name is saved."))
        return redirect("account_settings", account=account.slug)
    context = {"section": "settings", "tab": "account", "form": form}
    return page(request, "accounts/settings.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.CLOSE_ACCOUNT)
@reauthentication_required
def close(request: AccountRequest) -> HttpResponseBase:
    """Close an account, after the password and its name were asked for."""
    account = request.membership.account
    form = CloseForm(request.POST or None, account_name=account.name)
    if request.method == "POST" and form.is_valid():
        accounts.close(account=account, actor=request.user, reason="closed by its owner")
        messages.success(request, gettext("%(account)s is closed.") % {"account": account})
        return redirect("home")
    return page(
        request, "accounts/close.html", {"section": "settings", "form": form}, status=422 if form.errors else 200
    )
