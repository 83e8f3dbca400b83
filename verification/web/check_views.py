"""History: every check of an account.  People come to find out what was said of somebody, when, and who asked."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from accounts.domain.access import Permission
from accounts.domain.config import FeatureDisabled, config_of, require
from verification.domain import history, history_csv
from verification.domain.history import HistoryPage
from verification.web.access import AccountRequest, account_page, page
from verification.web.history_choice import NONE, HistoryChoice, choice_of
from verification.web.shown import HISTORY_FILTERS, shown_in_history
from verification.web.words import REASONS


@require_safe
@account_page(Permission.VIEW)
def checks(request: AccountRequest) -> HttpResponseBase:
    """Show checks, newest first: those that the address of the page asks for."""
    account = request.membership.account
    choice = choice_of(request.GET, account)
    found = (
        HistoryPage([]) if choice.faults else history.page(account=account, wanted=choice.wanted, before=choice.before)
    )
    return history_page(request, choice, found)


def history_page(request: AccountRequest, choice: HistoryChoice, found: HistoryPage) -> HttpResponseBase:
    config = config_of(request.membership.account)
    context = {
        "section": "checks",
        "choice": choice,
        "rows": [shown_in_history(row, days=config.retention_days) for row in found.rows],
        "found": found,
        "older": found.older.as_text() if found.older else "",
        "kinds": [(kind.value, title) for kind, title in HISTORY_FILTERS.items()],
        "reasons": [(reason.value, words.title) for reason, words in REASONS.items()],
        "none": NONE,
        "days": config.retention_days,
        "exports": config.exports,
    }
    return page(request, "verification/checks.html", context, status=422 if choice.faults else 200)


@require_safe
@account_page(Permission.EXPORT)
def export(request: AccountRequest) -> HttpResponseBase:
    """Stream the checks that the address asks for as a file."""
    account = request.membership.account
    try:
        require(config_of(account), "exports")
    except FeatureDisabled:
        raise PermissionDenied(gettext("Downloads are switched off for this account.")) from None
    choice = choice_of(request.GET, account)
    if choice.faults:
        return history_page(request, choice, HistoryPage([]))
    pieces = history_csv.export(account=account, wanted=choice.wanted)
    response = StreamingHttpResponse(pieces, content_type="text/csv; charset=utf-8")
    name = f"{account.slug}-history{'-some' if choice.query else ''}.csv"
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response
