"""How an account stands: its present period, its prepaid checks, and what is left of both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from accounts.domain import quota
from accounts.models import Account, Credit, QuotaPeriod


@dataclass(frozen=True, slots=True)
class Allowance:
    """The period ends before `ends_on`; what is reserved is neither used nor left."""

    starts_on: date
    ends_on: date
    granted: int
    used: int
    reserved: int
    credit: int
    credit_reserved: int

    @property
    def left(self) -> int:
        return self.granted - self.used - self.reserved + self.credit - self.credit_reserved

    @property
    def set_aside(self) -> int:
        return self.reserved + self.credit_reserved

    @property
    def last_day(self) -> date:
        return self.ends_on - timedelta(days=1)


def allowance_of(account: Account) -> Allowance:
    """Tell how an account stands today; makes the period when it is the first to ask."""
    period = QuotaPeriod.objects.current().filter(account=account).first()
    if period is None:
        quota.ensure_period(account_id=account.pk)
        period = QuotaPeriod.objects.current().get(account=account)
    credit = Credit.objects.filter(account=account).first()
    return Allowance(
        starts_on=period.starts_on,
        ends_on=period.ends_on,
        granted=period.granted,
        used=period.used,
        reserved=period.reserved,
        credit=credit.balance if credit else 0,
        credit_reserved=credit.reserved if credit else 0,
    )
