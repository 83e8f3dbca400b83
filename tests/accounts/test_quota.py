from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.domain import quota
from accounts.models import Account, Credit, LedgerEntry, QuotaPeriod, Reservation
from tests.factories import make_account, make_key, make_staff

pytestmark = pytest.mark.django_db


def amounts(account: Account) -> tuple[int, int, int, int, int]:
    """Give granted, used, reserved of the period; balance, reserved of the credit."""
    period = QuotaPeriod.objects.get(account=account)
    credit = Credit.objects.get(account=account)
    return period.granted, period.used, period.reserved, credit.balance, credit.reserved


def ledger(account: Account) -> list[tuple[str, int, str]]:
    return list(LedgerEntry.objects.filter(account=account).order_by("id").values_list("kind", "amount", "reference"))


def with_credit(account: Account, amount: int) -> Account:
    quota.grant(account=account, amount=amount, actor=None, reason="prepaid")
    return account


def test_reserve_sets_aside_and_makes_the_period() -> None:
    account = make_account(monthly_quota=10)
    key, _ = make_key(account)
    made = quota.reserve(account_id=account.pk, amount=4, reference="job:1", key_id=key.pk)
    assert amounts(account) == (10, 0, 4, 0, 0)
    period = QuotaPeriod.objects.get(account=account)
    assert ledger(account) == [("grant", 10, f"grant:{period.pk}"), ("reserve", 4, "reserve:job:1")]
    assert LedgerEntry.objects.get(reference="reserve:job:1").key == key
    reservation = Reservation.objects.get(pk=made)
    assert (reservation.from_period, reservation.from_credit, reservation.expires_at) == (4, 0, None)
    assert quota.left(account_id=account.pk) == 6


def test_left_before_the_first_reservation() -> None:
    assert quota.left(account_id=with_credit(make_account(monthly_quota=10), 5).pk) == 15


def test_left_of_no_account() -> None:
    assert quota.left(account_id=0) == 0


def test_reserve_is_once_per_reference() -> None:
    account = make_account(monthly_quota=10)
    first = quota.reserve(account_id=account.pk, amount=10, reference="job:1")
    assert quota.reserve(account_id=account.pk, amount=10, reference="job:1") == first
    assert amounts(account) == (10, 0, 10, 0, 0)


def test_reserve_takes_from_credits_what_the_period_lacks() -> None:
    account = with_credit(make_account(monthly_quota=10), 5)
    quota.reserve(account_id=account.pk, amount=12, reference="job:1")
    assert amounts(account) == (10, 0, 10, 5, 2)


def test_reserve_refuses_more_than_is_left() -> None:
    account = with_credit(make_account(monthly_quota=10), 5)
    quota.ensure_period(account_id=account.pk)
    with pytest.raises(quota.QuotaExceeded) as refusal:
        quota.reserve(account_id=account.pk, amount=16, reference="job:1")
    assert (refusal.value.left, refusal.value.needed) == (15, 16)
    assert str(refusal.value) == "Quota of 15 left, 16 needed"
    assert amounts(account) == (10, 0, 0, 5, 0)
    assert not Reservation.objects.filter(account=account).exists()


def test_reserve_refuses_an_unknown_account() -> None:
    with pytest.raises(Account.DoesNotExist):
        quota.reserve(account_id=0, amount=1, reference="job:1")


def test_reserve_refuses_negative_amounts() -> None:
    with pytest.raises(ValueError, match="-1 is below 0"):
        quota.reserve(account_id=make_account().pk, amount=-1, reference="job:1")


def test_settle_charges_and_gives_back() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=6, reference="job:1", ttl_seconds=60)
    quota.settle(reference="job:1", used=2, released=1, entry="batch:1:1")
    assert amounts(account) == (10, 2, 3, 0, 0)
    reservation = Reservation.objects.get(reference="job:1")
    assert (reservation.open, reservation.settled, reservation.released) == (3, 2, 1)
    assert reservation.expires_at is not None
    assert ledger(account)[2:] == [("settle", 2, "batch:1:1"), ("release", 1, "batch:1:1:release")]


def test_settle_in_full_ends_the_expiry() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=1, reference="call:1", ttl_seconds=60)
    quota.settle(reference="call:1", used=1, released=0, entry="call:1")
    assert Reservation.objects.get(reference="call:1").expires_at is None
    assert ledger(account)[2:] == [("settle", 1, "call:1")]


def test_settle_is_once_per_entry() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=6, reference="job:1")
    for _ in range(2):
        quota.settle(reference="job:1", used=3, released=1, entry="batch:1:1")
    assert amounts(account) == (10, 3, 2, 0, 0)


@pytest.mark.parametrize(
    ("used", "released", "after"),
    [  # of 12: 10 from the period, 2 from credits
        (4, 0, (10, 4, 6, 5, 2)),
        (11, 0, (10, 10, 0, 4, 1)),
        (12, 0, (10, 10, 0, 3, 0)),
        (0, 1, (10, 0, 10, 5, 1)),
        (0, 3, (10, 0, 9, 5, 0)),
        (11, 1, (10, 10, 0, 4, 0)),
        (3, 9, (10, 3, 0, 5, 0)),
    ],
)
def test_settle_where_it_was_made(used: int, released: int, after: tuple[int, ...]) -> None:
    account = with_credit(make_account(monthly_quota=10), 5)
    quota.reserve(account_id=account.pk, amount=12, reference="job:1")
    quota.settle(reference="job:1", used=used, released=released, entry="batch:1:1")
    assert amounts(account) == after


def test_settle_refuses_more_than_is_held() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=3, reference="job:1")
    with pytest.raises(quota.NothingReserved) as refusal:
        quota.settle(reference="job:1", used=3, released=1, entry="batch:1:1")
    assert (refusal.value.held, refusal.value.needed) == (3, 4)
    assert amounts(account) == (10, 0, 3, 0, 0)


def test_settle_refuses_without_reservation() -> None:
    with pytest.raises(quota.NothingReserved) as refusal:
        quota.settle(reference="job:1", used=1, released=0, entry="batch:1:1")
    assert refusal.value.held == 0


def test_close_gives_back_what_is_open() -> None:
    account = with_credit(make_account(monthly_quota=10), 5)
    quota.reserve(account_id=account.pk, amount=12, reference="job:1", ttl_seconds=60)
    quota.settle(reference="job:1", used=3, released=0, entry="batch:1:1")
    assert quota.close(reference="job:1", entry="close:job:1") == 9
    assert quota.close(reference="job:1", entry="close:job:1") == 0
    assert amounts(account) == (10, 3, 0, 5, 0)
    assert ledger(account)[-1] == ("release", 9, "close:job:1")
    assert Reservation.objects.get(reference="job:1").expires_at is None


def test_close_without_reservation() -> None:
    assert quota.close(reference="job:1", entry="close:job:1") == 0


def test_release_expired_closes_what_is_over() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=1, reference="call:1", ttl_seconds=60)
    quota.reserve(account_id=account.pk, amount=2, reference="call:2", ttl_seconds=0)
    quota.reserve(account_id=account.pk, amount=3, reference="job:1")
    assert quota.release_expired() == 2
    assert quota.release_expired() == 0
    assert amounts(account) == (10, 0, 4, 0, 0)
    assert ledger(account)[-1] == ("release", 2, "expire:call:2")


def test_grant_adds_credits_with_a_reason() -> None:
    account, staff = make_account(monthly_quota=0), make_staff()
    quota.grant(account=account, amount=7, actor=staff, reason="an apology")
    entry = LedgerEntry.objects.get(account=account)
    assert (entry.kind, entry.amount, entry.actor, entry.note) == ("grant", 7, staff, "an apology")
    assert quota.left(account_id=account.pk) == 7


def test_grant_refuses_nothing() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        quota.grant(account=make_account(), amount=0, actor=None, reason="")


@pytest.mark.parametrize(
    ("amount", "granted", "booked"),
    [(20, 20, [("adjust", 10)]), (7, 7, [("adjust", -3)]), (1, 5, [("adjust", -5)]), (10, 10, [])],
)
def test_set_monthly(amount: int, granted: int, booked: list[tuple[str, int]]) -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=5, reference="job:1")
    quota.settle(reference="job:1", used=2, released=0, entry="batch:1:1")
    quota.set_monthly(account=account, amount=amount, actor=None)
    account.refresh_from_db()
    assert account.monthly_quota == amount
    assert amounts(account) == (granted, 2, 3, 0, 0)
    assert [row[:2] for row in ledger(account)[3:]] == booked


def today_in_utc() -> date:
    return timezone.now().astimezone(UTC).date()


@pytest.mark.parametrize("days_from_today", [-1, 0, 1])
def test_period_starts_on_the_reset_day(days_from_today: int) -> None:
    today = today_in_utc()
    reset_day = min((today + timedelta(days=days_from_today)).day, 28)
    account = make_account()
    Account.objects.filter(pk=account.pk).update(reset_day=reset_day)
    quota.ensure_period(account_id=account.pk)
    period = QuotaPeriod.objects.current().get(account=account)
    assert (period.starts_on.day, period.ends_on.day) == (reset_day, reset_day)
    assert 28 <= (period.ends_on - period.starts_on).days <= 31
    assert period.starts_on <= today < period.ends_on


def test_period_does_not_overlap_the_one_before_it() -> None:
    today = today_in_utc()
    account = make_account(monthly_quota=10)
    Account.objects.filter(pk=account.pk).update(reset_day=min((today - timedelta(days=3)).day, 28))
    QuotaPeriod.objects.create(account=account, starts_on=today - timedelta(days=40), ends_on=today, granted=10, used=9)
    quota.reserve(account_id=account.pk, amount=10, reference="job:1")
    assert QuotaPeriod.objects.current().get(account=account).starts_on == today


def test_what_is_over_settles_in_its_own_period() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=6, reference="job:1")
    QuotaPeriod.objects.filter(account=account).update(starts_on=date(2020, 1, 1), ends_on=date(2020, 2, 1))
    quota.settle(reference="job:1", used=4, released=2, entry="batch:1:1")
    assert amounts(account) == (10, 4, 0, 0, 0)
    assert quota.left(account_id=account.pk) == 10


def test_ledger_cannot_be_changed() -> None:
    account = with_credit(make_account(), 5)
    for statement in ("UPDATE accounts_ledgerentry SET amount = 0", "DELETE FROM accounts_ledgerentry"):
        with (
            pytest.raises(Exception, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert ledger(account)[0][1] == 5


def test_database_refuses_to_go_below_zero() -> None:
    account = make_account(monthly_quota=10)
    quota.ensure_period(account_id=account.pk)
    with pytest.raises(IntegrityError, match="quota_period_within_grant"), transaction.atomic():
        QuotaPeriod.objects.filter(account=account).update(used=11)


def test_created_at_is_now() -> None:
    account = make_account()
    quota.reserve(account_id=account.pk, amount=1, reference="job:1")
    assert datetime.now(UTC) - Reservation.objects.get(reference="job:1").created_at < timedelta(minutes=1)


def test_ended_calls_are_forgotten_and_their_ledger_stays() -> None:
    account = make_account(monthly_quota=10)
    for reference in ("live:ended", "live:waiting", "job:ended"):
        quota.reserve(account_id=account.pk, amount=1, reference=reference)
    for reference in ("live:ended", "job:ended"):
        quota.settle(reference=reference, used=1, released=0, entry=reference)
    entries = list(LedgerEntry.objects.order_by("pk").values_list("pk", "reference"))
    assert [quota.forget_ended_calls(), quota.forget_ended_calls()] == [1, 0]
    assert set(Reservation.objects.values_list("reference", flat=True)) == {"live:waiting", "job:ended"}
    assert list(LedgerEntry.objects.order_by("pk").values_list("pk", "reference")) == entries
    quota.settle(reference="live:ended", used=1, released=0, entry="live:ended")  # sent again: charged once
    assert quota.left(account_id=account.pk) == 7
