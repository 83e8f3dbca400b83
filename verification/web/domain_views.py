"""Sending domains of an account: what to put into the DNS, and what was found there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.domain.access import Permission, may
from verification.domain import sending
from verification.domain.sending import DnsRecord
from verification.models import CheckKind, DomainCheck, SendingDomain
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import DomainForm, SelectorForm
from verification.web.words import _

AWAITED_FOR = timedelta(minutes=2)  # the page looks for the outcome so long
REFUSALS: dict[type[Exception], str] = {
    sending.DomainKnown: _("This domain is on your list already."),
    sending.TooManyDomains: f"An account may have {sending.MAX_DOMAINS} domains.",
}


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A record to set and what the last check of it said."""

    record: DnsRecord
    check: DomainCheck

    @property
    def title(self) -> str:
        return str(CheckKind(self.record.kind).label)


@require_http_methods(["GET", "HEAD", "POST"])
@account_page(Permission.VIEW)
def domains(request: AccountRequest) -> HttpResponseBase:
    """List the domains; POST adds one."""
    if request.method != "POST":
        return list_page(request, DomainForm())
    if not may(request.membership.role, Permission.MANAGE_DOMAINS):
        raise PermissionDenied
    form, account = DomainForm(request.POST), request.membership.account
    if form.is_valid():
        try:
            added = sending.register(account=account, domain=form.cleaned_data["domain"], actor=request.user)
        except sending.DomainUnfit as fault:
            form.add_error("domain", str(fault))
        except (sending.DomainKnown, sending.TooManyDomains) as refusal:
            form.add_error("domain", REFUSALS[type(refusal)])
        else:
            return redirect("domain", account=account.slug, domain_id=added.pk)
    return list_page(request, form, status=422)


def list_page(request: AccountRequest, form: DomainForm, status: int = 200) -> HttpResponse:
    rows = [(row, [row.check_of(kind) for kind in CheckKind]) for row in sending.domains_of(request.membership.account)]
    context = {"section": "settings", "tab": "domains", "rows": rows, "kinds": CheckKind.labels, "form": form}
    return page(request, "verification/domains.html", context, status=status)


@require_safe
@account_page(Permission.VIEW)
def domain(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Show the records to set and the last checks; asked for by htmx, only these."""
    row = domain_of(request, domain_id)
    checks = [ShownCheck(record, row.check_of(record.kind)) for record in sending.records_of(row)]
    context = {
        "section": "settings",
        "tab": "domains",
        "domain": row,
        "checks": checks,
        "is_awaited": row.asked_at is not None and row.asked_at > timezone.now() - AWAITED_FOR,
        "form": SelectorForm(initial={"selector": "" if row.public_key else row.selector}),
    }
    is_part = request.headers.get("HX-Request") == "true"
    return page(request, "verification/domain_checks.html" if is_part else "verification/domain.html", context)


@require_POST
@account_page(Permission.MANAGE_DOMAINS)
def check(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Have the DNS looked at now."""
    if not sending.check_now(domain_of(request, domain_id)):
        messages.info(
            request, gettext("This was checked a moment ago. Changes of the DNS take a while to be seen everywhere.")
        )
    return redirect("domain", account=request.membership.account.slug, domain_id=domain_id)


@require_POST
@account_page(Permission.MANAGE_DOMAINS)
def change_key(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Look at the key of another selector; none: a new one of ours."""
    row, form = domain_of(request, domain_id), SelectorForm(request.POST)
    if form.is_valid():
        selector = form.cleaned_data["selector"]
        try:
            if selector:
                sending.use_selector(domain=row, selector=selector, actor=request.user)
            else:
                sending.use_our_key(domain=row, actor=request.user)
        except sending.SelectorUnfit as fault:
            messages.error(request, str(fault))
        else:
            messages.success(request, gettext("Saved. The key is looked at now."))
    else:
        messages.error(request, gettext("A selector has at most 63 characters."))
    return redirect("domain", account=request.membership.account.slug, domain_id=domain_id)


@require_POST
@account_page(Permission.MANAGE_DOMAINS)
def remove(request: AccountRequest, domain_id: int) -> HttpResponseBase:
    """Take a domain off the list."""
    row = domain_of(request, domain_id)
    sending.remove(domain=row, actor=request.user)
    messages.success(request, gettext("%(domain)s is no sending domain any more.") % {"domain": row.domain})
    return redirect("domains", account=request.membership.account.slug)


def domain_of(request: AccountRequest, domain_id: int) -> SendingDomain:
    """Give a domain of the account; a stranger's is not there."""
    row = sending.domains_of(request.membership.account).filter(pk=domain_id).first()
    if row is None:
        raise Http404
    return row
