"""How long what is left will last, at the pace of the last seven days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from accounts.domain.allowance import Allowance
from accounts.models import Account
from verification.domain import usage_report
from verification.domain.usage_report import Span, days_before

DAYS = 7  # today is the last of them
DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """`per_day` is how many checks are charged a day; `runs_out_on` is None when the next period comes first."""

    per_day: float
    runs_out_on: date | None


def forecast(*, account: Account, stands: Allowance, now: datetime) -> Forecast:
    """Tell when nothing will be left, if all goes on like this; days are in UTC."""
    today = now.astimezone(UTC).date()
    first = days_before(today, DAYS - 1)
    rows = usage_report.report(account=account, span=Span(first, today), groups=[], after=None, limit=1)
    charged = int(rows[0][-1] or 0) if rows else 0
    return at_rate(account=account, charged=charged, stands=stands, now=now)


def at_rate(*, account: Account, charged: int, stands: Allowance, now: datetime) -> Forecast:
    """Tell it by what was charged in the last DAYS."""
    first = days_before(now.astimezone(UTC).date(), DAYS - 1)
    begun = max(datetime.combine(first, time.min, tzinfo=UTC), account.created_at)
    days = max((now - begun).total_seconds() / DAY_SECONDS, 1.0)
    return at_pace(per_day=charged / days, left=stands.left, ends_on=stands.ends_on, now=now)


def at_pace(*, per_day: float, left: int, ends_on: date, now: datetime) -> Forecast:
    """Work out when `left` is used up at so many a day, before a period's end."""
    end = datetime.combine(ends_on, time.min, tzinfo=UTC)
    if left <= 0:
        return Forecast(per_day, now.astimezone(UTC).date())
    if per_day * ((end - now).total_seconds() / DAY_SECONDS) <= left:
        return Forecast(per_day, None)
    return Forecast(per_day, (now + timedelta(days=left / per_day)).astimezone(UTC).date())
