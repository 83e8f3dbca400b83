"""Usage of an account.  People come because a notice said that little is left, or to see where the checks go: what is
left and how long it will last must be seen first.
"""

from __future__ import annotations

from datetime import date

from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from accounts.domain.access import Permission
from accounts.domain.allowance import allowance_of
from accounts.models import LicenseKey
from verification.domain import accuracy, usage_report
from verification.domain.forecast import Forecast, forecast
from verification.web.access import AccountRequest, account_page, page

KEYS_AT_MOST = 100
Bar = tuple[date, int, int]  # a day, what was charged on it, and that in percent of the highest


@require_safe
@account_page(Permission.VIEW_USAGE)
def quota(request: AccountRequest) -> HttpResponseBase:
    """Show how the quota stands, how long it will last, and what was used in the last 30 days."""
    account, now = request.membership.account, timezone.now()
    stands = allowance_of(account)
    span = usage_report.clamp(None, None, today=now.date())
    by_day = usage_report.report(account=account, span=span, groups=["day"], after=None, limit=usage_report.USUAL_DAYS)
    by_key = usage_report.report(account=account, span=span, groups=["key"], after=None, limit=KEYS_AT_MOST)
    names = dict(LicenseKey.objects.of(account).values_list("pk", "name")) if by_key else {}
    context = {
        "section": "usage",
        "stands": stands,
        "words": words_of(forecast(account=account, stands=stands, now=now), ends_on=stands.ends_on, today=now.date()),
        "bars": bars(span, {day: charged for day, _, charged in by_day}),
        "by_key": [
            (names.get(key, "On these pages: lists and single checks"), checks, charged)
            for key, checks, charged in by_key
        ],
        "span": span,
        "accuracy": [
            (row, in_percent(row.share_decided, 1), in_percent(row.share_bounced, 2))
            for row in accuracy.report(account=account, months=accuracy.USUAL_MONTHS, now=now)
        ],
    }
    return page(request, "verification/quota.html", context)


def in_percent(share: float | None, places: int) -> str:
    return "–" if share is None else f"{100 * share:.{places}f} %"


def words_of(found: Forecast, *, ends_on: date, today: date) -> str:
    """Say a forecast in a sentence."""
    days = {"renewal": date_format(ends_on, "l, j F")}
    if found.runs_out_on is None:
        if not found.per_day:
            return (
                gettext("Nothing was used in the last seven days. The month's quota begins anew on %(renewal)s.") % days
            )
        return gettext("At this pace it lasts beyond %(renewal)s, when the month's quota begins anew.") % days
    if found.runs_out_on == today:
        return gettext("At this pace it does not last the day. The month's quota begins anew on %(renewal)s.") % days
    days["end"] = date_format(found.runs_out_on, "l, j F")
    return gettext("At this pace it lasts until %(end)s. The month's quota begins anew on %(renewal)s.") % days


def bars(span: usage_report.Span, charged: dict[date, int]) -> list[Bar]:
    """Give each day of a span with its bar."""
    days = [date.fromordinal(number) for number in range(span.first.toordinal(), span.last.toordinal() + 1)]
    highest = max(charged.values(), default=0) or 1
    counts = [(day, charged.get(day, 0)) for day in days]
    return [(day, count, max(round(100 * count / highest), 1 if count else 0)) for day, count in counts]
