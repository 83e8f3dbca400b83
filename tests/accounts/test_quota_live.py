"""The live check's side of quota: async statements on connections of their own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

import pytest
from django.utils import timezone
from psycopg import AsyncConnection, AsyncCursor
from psycopg.abc import Query
from psycopg.rows import DictRow

from accounts.domain import keys, quota
from accounts.domain.access import AccountDisabled, KeyExpired, KeyRevoked, KeyUnknown
from accounts.domain.admission import Admission, Call, Caller, admitting_one
from accounts.domain.config import FeatureDisabled
from accounts.domain.moves import arun
from accounts.domain.standing import Standing
from accounts.models import Account, AccountConfig, KeyKind, LedgerEntry, LicenseKey, QuotaPeriod, Reservation, Scope
from tests.accounts.connections import connect
from tests.factories import make_account, make_key

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def on_a_connection(act: Callable[[AsyncConnection[DictRow]], Awaitable[T]]) -> T:
    async def run() -> T:
        connection = await connect()
        try:
            return await act(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def let_in(secret: str, *, amount: int = 1, reference: str = "") -> Admission:
    caller = Caller(keys.digest(secret), scope=Scope.VERIFY, amount=amount)
    call = Call(reference or f"call:{uuid.uuid4()}", ttl_seconds=60)
    return on_a_connection(lambda connection: arun(connection, admitting_one(caller, call)))


def test_a_live_key_reserves() -> None:
    account = make_account(monthly_quota=10, catch_all_probe=False, calls_per_minute=100)
    key, secret = make_key(account)
    admission = let_in(secret, reference="call:1")
    reservation = Reservation.objects.get()
    assert admission == Admission(
        key_id=key.pk,
        account_id=account.pk,
        kind=KeyKind.LIVE,
        config=AccountConfig.objects.get(),
        charged=False,
        again=False,
        standing=Standing(limit=100, remaining=99, reset_seconds=60, quota_left=9),
    )
    assert (admission.config.catch_all_probe, admission.config.mailbox_probe) == (False, True)
    assert (reservation.reference, reservation.from_period, reservation.key) == ("call:1", 1, key)
    assert reservation.expires_at is not None
    assert timedelta(seconds=50) < reservation.expires_at - timezone.now() < timedelta(seconds=61)
    assert LedgerEntry.objects.get(kind="reserve").key == key


def test_quota_left_counts_credits() -> None:
    account = make_account(monthly_quota=2)
    _, secret = make_key(account)
    quota.grant(account=account, amount=3, actor=None, reason="prepaid")
    assert [let_in(secret).standing.quota_left for _ in range(5)] == [4, 3, 2, 1, 0]
    with pytest.raises(quota.QuotaExceeded) as refusal:
        let_in(secret)
    assert (refusal.value.left, refusal.value.needed) == (0, 1)


def test_the_same_reference_reserves_once() -> None:
    account = make_account(monthly_quota=10)
    _, secret = make_key(account)
    assert [let_in(secret, reference="call:1").again for _ in range(2)] == [False, True]
    assert (quota.left(account_id=account.pk), Reservation.objects.count()) == (9, 1)


def test_without_a_config_row_the_defaults_hold() -> None:
    account = make_account()
    account.configs.all().delete()
    admission = let_in(make_key(account)[1])
    assert (admission.config.account_id, admission.config.deadline_seconds) == (account.pk, 75)


def test_a_sandbox_key_reserves_nothing() -> None:
    account = make_account(monthly_quota=10)
    admission = let_in(make_key(account, KeyKind.SANDBOX)[1])
    assert (admission.kind, admission.standing.quota_left) == ("sandbox", 10)
    assert not Reservation.objects.exists()


def test_a_sandbox_key_needs_no_quota() -> None:
    assert let_in(make_key(make_account(monthly_quota=0), KeyKind.SANDBOX)[1]).standing.quota_left == 0


def test_the_use_of_a_key_is_noted() -> None:
    key, secret = make_key()
    let_in(secret)
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None
    let_in(secret)
    key.refresh_from_db()
    assert key.last_used_at == first
    LicenseKey.objects.update(last_used_at=PAST)
    let_in(secret)
    key.refresh_from_db()
    assert key.last_used_at > first


@pytest.mark.parametrize("kind", KeyKind)
def test_refusals(kind: KeyKind) -> None:
    deleted, unknown = make_key(kind=kind)
    deleted.delete()
    refused = [
        (KeyUnknown, unknown),
        (KeyExpired, make_key(kind=kind, expires_at=PAST)[1]),
        (KeyRevoked, make_key(kind=kind, expires_at=PAST, revoked_at=PAST)[1]),
        (AccountDisabled, make_key(make_account(status=Account.Status.SUSPENDED), kind)[1]),
        (FeatureDisabled, make_key(make_account(verification_api=False), kind)[1]),
    ]
    for refusal, secret in refused:
        with pytest.raises(refusal):
            let_in(secret)
    assert not Reservation.objects.exists()
    assert not QuotaPeriod.objects.exists()


def test_a_key_that_expires_later_is_let_in() -> None:
    assert let_in(make_key(expires_at=timezone.now() + timedelta(hours=1))[1])


def test_quota_exceeded() -> None:
    account = make_account(monthly_quota=3)
    with pytest.raises(quota.QuotaExceeded) as refusal:
        let_in(make_key(account)[1], amount=4)
    assert (refusal.value.left, refusal.value.needed) == (3, 4)
    assert quota.left(account_id=account.pk) == 3


def test_the_happy_path_is_one_statement() -> None:
    _, secret = make_key()
    let_in(secret)
    statements: list[Query] = []

    class Listening(AsyncCursor[DictRow]):
        async def execute(self, query: Query, *args: Any, **kwargs: Any) -> Self:  # Any: psycopg's parameters
            statements.append(query)
            return await super().execute(query, *args, **kwargs)

    async def admit(connection: AsyncConnection[DictRow]) -> None:
        connection.cursor_factory = Listening
        await arun(connection, admitting_one(Caller(keys.digest(secret), amount=1), Call("call:2", 60)))

    on_a_connection(admit)
    assert len(statements) == 1


def test_settle_and_close_in_the_caller_s_transaction() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=5, reference="job:1")

    async def settle(connection: AsyncConnection[DictRow]) -> int:
        async with connection.transaction(force_rollback=True):
            await quota.asettle(connection, reference="job:1", used=5, released=0, entry="batch:1:0")
        async with connection.transaction():
            await quota.asettle(connection, reference="job:1", used=2, released=1, entry="batch:1:1")
            return await quota.aclose_reservation(connection, reference="job:1", entry="close:job:1")

    assert on_a_connection(settle) == 2
    period = QuotaPeriod.objects.get()
    assert (period.used, period.reserved) == (2, 0)
    assert quota.left(account_id=account.pk) == 8


def test_settle_refuses_more_than_is_held() -> None:
    with pytest.raises(quota.NothingReserved):
        on_a_connection(
            lambda connection: quota.asettle(connection, reference="job:1", used=1, released=0, entry="batch:1:1")
        )
