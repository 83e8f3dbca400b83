from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.db import connection
from django.db.models import F, Sum

from accounts.domain import quota
from accounts.domain.quota_turn import reset_ended
from accounts.models import Account, Credit, LedgerEntry, LedgerKind, QuotaPeriod
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def turn(account: Account, days: int = 5) -> QuotaPeriod:
    """Let a period have ended some days ago."""
    period = QuotaPeriod.objects.get(account=account, reset_at=None)
    past = period.ends_on - today() + timedelta(days=days)
    QuotaPeriod.objects.filter(pk=period.pk).update(starts_on=F("starts_on") - past, ends_on=F("ends_on") - past)
    period.refresh_from_db()
    return period


def today() -> date:
    """Give the day of the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::date")
        day: date = cursor.fetchone()[0]
    return day


def resets(account: Account) -> list[tuple[int, str]]:
    rows = LedgerEntry.objects.filter(account=account, kind=LedgerKind.RESET).order_by("pk")
    return list(rows.values_list("amount", "reference"))


def assert_ledger_agrees(account: Account) -> None:
    """GRANT + ADJUST - SETTLE - RESET is what is left or set aside, in all periods and credits together."""
    sums = dict(LedgerEntry.objects.filter(account=account).order_by().values_list("kind").annotate(Sum("amount")))
    signs = {"grant": 1, "adjust": 1, "settle": -1, "reset": -1}
    booked = sum(sign * sums.get(kind, 0) for kind, sign in signs.items())
    periods = QuotaPeriod.objects.filter(account=account)
    held = sum(period.granted - period.used - period.lapsed for period in periods)
    assert booked == held + Credit.objects.get(account=account).balance
    assert all(period.granted >= period.used + period.reserved + period.lapsed for period in periods)


def test_what_is_left_lapses_and_the_next_period_begins() -> None:
    account = make_account(monthly_quota=10)
    quota.grant(account=account, amount=5, actor=None, reason="prepaid")
    quota.reserve(account_id=account.pk, amount=4, reference="job")
    quota.settle(reference="job", used=3, released=1, entry="job")
    old = turn(account)
    assert reset_ended() == 1
    old.refresh_from_db()
    assert (old.granted, old.used, old.lapsed, old.reset_at is not None) == (10, 3, 7, True)
    assert resets(account) == [(7, f"reset:{old.pk}:7")]
    assert LedgerEntry.objects.get(kind="reset").period == old
    assert quota.left(account_id=account.pk) == 15
    quota.reserve(account_id=account.pk, amount=1, reference="next")
    new = QuotaPeriod.objects.get(account=account, reset_at=None)
    assert (new.granted, new.reserved, new.lapsed) == (10, 1, 0)
    assert_ledger_agrees(account)


def test_a_reset_is_done_once() -> None:
    account = make_account(monthly_quota=10)
    quota.ensure_period(account_id=account.pk)
    turn(account)
    assert [reset_ended(), reset_ended()] == [1, 0]
    assert [amount for amount, _ in resets(account)] == [10]


def test_a_period_that_is_not_over_is_left_alone() -> None:
    account = make_account(monthly_quota=10)
    quota.ensure_period(account_id=account.pk)
    assert reset_ended() == 0
    assert resets(account) == []


def test_ten_minutes_are_waited_for() -> None:
    account = make_account(monthly_quota=10)
    quota.ensure_period(account_id=account.pk)
    period = turn(account, days=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT (now() AT TIME ZONE 'UTC')::time < '00:10'")
        is_early = cursor.fetchone()[0]
    assert reset_ended() == (0 if is_early else 1), period


def test_a_used_up_period_is_closed_without_a_word() -> None:
    account = make_account(monthly_quota=3)
    quota.reserve(account_id=account.pk, amount=3, reference="job")
    quota.settle(reference="job", used=3, released=0, entry="job")
    old = turn(account)
    assert reset_ended() == 1
    old.refresh_from_db()
    assert (old.lapsed, old.reset_at is not None, resets(account)) == (0, True, [])


def test_what_is_set_aside_lapses_when_it_comes_back() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=6, reference="job")
    old = turn(account)
    assert [reset_ended(), reset_ended()] == [1, 0]
    old.refresh_from_db()
    assert (old.lapsed, old.reset_at) == (4, None)
    quota.settle(reference="job", used=2, released=3, entry="part")
    assert_ledger_agrees(account)
    assert reset_ended() == 1
    quota.settle(reference="job", used=1, released=0, entry="rest")
    assert_ledger_agrees(account)
    assert [reset_ended(), reset_ended()] == [1, 0]
    old.refresh_from_db()
    assert (old.used, old.reserved, old.lapsed, old.reset_at is not None) == (3, 0, 7, True)
    assert resets(account) == [(4, f"reset:{old.pk}:4"), (3, f"reset:{old.pk}:7")]
    assert_ledger_agrees(account)


def test_one_account_s_turn_is_not_another_s() -> None:
    over, other = make_account(monthly_quota=10), make_account(monthly_quota=10)
    for account in (over, other):
        quota.ensure_period(account_id=account.pk)
    turn(over)
    reset_ended()
    assert (len(resets(over)), len(resets(other))) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_book_once() -> None:
    accounts = [make_account(monthly_quota=10) for _ in range(20)]
    for account in accounts:
        quota.ensure_period(account_id=account.pk)
        turn(account)
    ready = threading.Barrier(4)

    def one() -> None:
        ready.wait(10)
        reset_ended()
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [resets(account)[0][0] for account in accounts] == [10] * 20
    assert LedgerEntry.objects.filter(kind="reset").count() == 20
