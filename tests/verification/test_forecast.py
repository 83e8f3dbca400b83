from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.domain.allowance import Allowance
from accounts.models import Account
from tests.factories import make_account
from verification.domain import usage
from verification.domain.forecast import Forecast, at_pace, forecast
from verification.models import PendingTally

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)  # a Wednesday
STANDS = Allowance(date(2026, 11, 1), date(2026, 12, 1), granted=1_000, used=0, reserved=0, credit=0, credit_reserved=0)


@pytest.mark.parametrize(
    ("per_day", "left", "runs_out_on"),
    [
        (100, 250, date(2026, 11, 28)),  # at midnight between Friday and Saturday
        (100, 249, date(2026, 11, 27)),
        (100, 1, date(2026, 11, 25)),
        (100, 551, None),  # five days and a half till December
        (100, 549, date(2026, 11, 30)),
        (0, 1, None),
        (0, 0, date(2026, 11, 25)),
        (100, -3, date(2026, 11, 25)),
        (1e9, 1, date(2026, 11, 25)),
    ],
)
def test_at_pace(per_day: float, left: int, runs_out_on: date | None) -> None:
    assert at_pace(per_day=per_day, left=left, ends_on=date(2026, 12, 1), now=NOW) == Forecast(per_day, runs_out_on)


def count(account: Account, day: date, charged: int) -> None:
    verdict = {"result": "Ok", "reason": "Success", "blame": "none"}
    PendingTally.objects.create(account=account, day=day, source="live", **verdict, count=charged, charged=charged)


def opened(days: float) -> Account:
    account = make_account()
    account.created_at = NOW - timedelta(days=days)
    return account


@pytest.mark.django_db
def test_the_pace_is_that_of_the_last_seven_days() -> None:
    account = opened(400)
    count(account, date(2026, 11, 18), 1_000_000)
    count(account, date(2026, 11, 19), 600)
    usage.fold()
    count(account, date(2026, 11, 25), 50)
    count(opened(400), date(2026, 11, 25), 7_000)
    assert forecast(account=account, stands=STANDS, now=NOW) == Forecast(100.0, None)
    few = replace(STANDS, used=749)
    assert forecast(account=account, stands=few, now=NOW) == Forecast(100.0, date(2026, 11, 28))


@pytest.mark.django_db
@pytest.mark.parametrize(("age", "per_day"), [(0.01, 300.0), (1, 300.0), (2, 150.0)])
def test_a_young_account_has_its_own_days(age: float, per_day: float) -> None:
    account = opened(age)
    count(account, date(2026, 11, 25), 300)
    assert forecast(account=account, stands=STANDS, now=NOW).per_day == per_day


@pytest.mark.django_db
def test_nothing_was_used() -> None:
    assert forecast(account=opened(400), stands=STANDS, now=NOW) == Forecast(0.0, None)
