"""Verify one: an address is asked for while its reader waits, and answered with all that was found out."""

from __future__ import annotations

from uuid import uuid4

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.domain.access import Permission
from accounts.domain.allowance import allowance_of
from accounts.domain.config import config_of
from accounts.domain.quota import QuotaExceeded
from accounts.domain.refusals import AccountDisabled
from verification.domain import history, page_checks
from verification.models import Check
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import VerifyForm
from verification.web.shown import conversation, shown_in_history
from verification.web.verify_asgi import ASKED
from verification.web.words import _, catch_all_of, provider_of

SAID = {  # by the layer that asks, where it could not
    "busy": _("Several addresses are being asked for at this moment. Wait until one is answered; nothing was charged."),
    "failed": _("The check could not be made: our own fault, and nothing was charged. Please try again."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.VERIFY)
def verify(request: AccountRequest) -> HttpResponseBase:
    """Take an address.  The answer to a good form is held back by verify_asgi until the address is checked."""
    account = request.membership.account
    form = VerifyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            given = form.cleaned_data
            asked = page_checks.set_aside(account=account, email=given["email"], token=str(given["token"]))
        except QuotaExceeded:
            renewal = allowance_of(account).ends_on
            form.add_error(
                None,
                gettext("No checks are left. The month's quota begins anew on %(renewal)s.")
                % {"renewal": f"{renewal:%-d %B}"},
            )
        except AccountDisabled:
            form.add_error(None, gettext("This account is switched off: nothing can be checked. Please ask our staff."))
        else:
            response = redirect("checks", account=account.slug)
            response[ASKED] = asked.as_text()
            return response
    config = config_of(account)
    context = {
        "section": "verify",
        "form": form,
        "token": uuid4(),
        "said": SAID.get(request.GET.get("said", "")),
        "is_dns_only": not config.mailbox_probe,
        "days": config.retention_days,
    }
    return page(request, "verification/verify.html", context, status=400 if form.errors else 200)


@require_safe
@account_page(Permission.VIEW)
def check(request: AccountRequest, check_id: int) -> HttpResponseBase:
    """Show all that is known of one check: of a single address, or a row of a list."""
    account = request.membership.account
    checks = Check.objects.of(account).filter(job__deleted_at=None).select_related("verdict", "job__key", "key")
    found = get_object_or_404(checks, pk=check_id)
    (row,) = history.with_verdicts([found])
    verdict = row.verdict
    in_history = shown_in_history(row, days=config_of(account).retention_days)
    context = {
        "section": "checks",
        "row": in_history.row,
        "shown": in_history,
        "lines": conversation(row),
        "provider": provider_of(verdict.evidence) if verdict else "",
        "catch_all": catch_all_of(verdict.evidence) if verdict else "",
        "is_earlier": verdict is not None and verdict.checked_at < found.created_at,
        "token": uuid4(),
    }
    return page(request, "verification/check.html", context)
