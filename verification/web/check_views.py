"""History: the single addresses that an account asked for."""

from __future__ import annotations

from django.http import HttpResponseBase
from django.views.decorators.http import require_safe

from accounts.domain.access import Permission
from verification.domain import job_pages
from verification.web.access import AccountRequest, account_page, page
from verification.web.forms import cursor
from verification.web.shown import shown


@require_safe
@account_page(Permission.VIEW)
def checks(request: AccountRequest) -> HttpResponseBase:
    """Show single checks, newest first."""
    rows = job_pages.single_checks(account=request.membership.account, before=cursor(request.GET.get("before")))
    context = {"section": "checks", "rows": [shown(row) for row in rows.rows], "rows_page": rows}
    return page(request, "verification/checks.html", context)
