"""Many at once on real connections: amounts stay exact."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from psycopg_pool import AsyncConnectionPool

from accounts.domain import keys, quota
from accounts.domain.admission import Call, Caller, admitting_one
from accounts.domain.moves import arun
from accounts.models import Account, Credit, LedgerEntry, LedgerKind, QuotaPeriod, Reservation
from tests.accounts.connections import parameters
from tests.factories import make_account, make_key

pytestmark = pytest.mark.django_db(transaction=True)
CLIENTS = 16


def at_once(act: Callable[[int], object], times: int) -> Counter[str]:
    """Call `act` with 0, 1, 2 … in threads, and count how the calls ended."""

    def call(number: int) -> str:
        try:
            act(number)
        except (quota.QuotaExceeded, quota.NothingReserved) as refusal:
            return type(refusal).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(CLIENTS) as pool:
        return Counter(pool.map(call, range(times)))


def gather(acts: Iterable[Callable[[Any], Awaitable[object]]]) -> list[object]:  # Any: a connection
    """Run acts at once, on a pool of async connections."""

    async def run() -> list[object]:
        async with AsyncConnectionPool(kwargs=parameters(), min_size=CLIENTS, open=False) as pool:

            async def one(act: Callable[[Any], Awaitable[object]]) -> object:  # Any: a connection
                async with pool.connection(60) as connection:
                    return await act(connection)

            return await asyncio.gather(*map(one, acts), return_exceptions=True)

    return asyncio.run(run())


def assert_books_balance(account: Account) -> None:
    """Hold the ledger against the amounts."""
    period, credit = QuotaPeriod.objects.get(account=account), Credit.objects.get(account=account)
    rows = LedgerEntry.objects.filter(account=account).values_list("kind").annotate(Sum("amount"))
    total: Counter[str] = Counter(dict(rows.order_by()))
    left_or_aside = total[LedgerKind.GRANT] + total[LedgerKind.ADJUST] - total[LedgerKind.SETTLE]
    assert left_or_aside == period.granted - period.used + credit.balance
    aside = total[LedgerKind.RESERVE] - total[LedgerKind.SETTLE] - total[LedgerKind.RELEASE]
    assert aside == period.reserved + credit.reserved
    held = Reservation.objects.filter(account=account).aggregate(period=Sum("from_period"), credit=Sum("from_credit"))
    assert (held["period"], held["credit"]) == (period.reserved, credit.reserved)


def test_64_reservations_of_a_small_quota() -> None:
    account = make_account(monthly_quota=10)
    quota.grant(account=account, amount=10, actor=None, reason="prepaid")
    ended = at_once(lambda n: quota.reserve(account_id=account.pk, amount=3, reference=f"job:{n}"), 64)
    assert ended == {"done": 6, "QuotaExceeded": 58}
    assert quota.left(account_id=account.pk) == 2
    assert_books_balance(account)


def test_64_times_the_same_reservation() -> None:
    account = make_account(monthly_quota=10)
    ended = at_once(lambda _: quota.reserve(account_id=account.pk, amount=7, reference="job:1"), 64)
    assert ended == {"done": 64}
    assert quota.left(account_id=account.pk) == 3
    assert_books_balance(account)


def test_64_settlements_of_one_reservation() -> None:
    account = make_account(monthly_quota=50)
    quota.grant(account=account, amount=50, actor=None, reason="prepaid")
    quota.reserve(account_id=account.pk, amount=90, reference="job:1")
    ended = at_once(
        lambda n: quota.settle(reference="job:1", used=2, released=1, entry=f"batch:{n // 2}:1"),  # each is sent twice
        64,
    )
    assert ended == {"done": 60, "NothingReserved": 4}
    assert quota.left(account_id=account.pk) == 100 - 60
    assert_books_balance(account)


def test_64_calls_on_async_connections() -> None:
    account = make_account(monthly_quota=20)
    quota.grant(account=account, amount=20, actor=None, reason="prepaid")
    digest = keys.digest(make_key(account)[1])

    async def call(connection: Any, number: int) -> None:  # Any: its rows
        reference = f"call:{number}"
        await arun(connection, admitting_one(Caller(digest, amount=1), Call(reference, ttl_seconds=60)))
        await connection.commit()
        await quota.asettle(connection, reference=reference, used=number % 2, released=1 - number % 2, entry=reference)

    ended = gather(partial(call, number=number) for number in range(64))
    used = QuotaPeriod.objects.get().used + 20 - Credit.objects.get().balance
    assert used + quota.left(account_id=account.pk) == 40
    assert used == LedgerEntry.objects.filter(kind="settle", amount=1).count()
    assert {type(end) for end in ended} <= {type(None), quota.QuotaExceeded}
    assert_books_balance(account)


def test_all_moves_mixed() -> None:
    account = make_account(monthly_quota=300)
    quota.grant(account=account, amount=100, actor=None, reason="prepaid")
    for number in range(20):
        quota.reserve(account_id=account.pk, amount=15, reference=f"job:{number}")

    def move(number: int) -> None:
        dice = random.Random(number)
        match number % 5:
            case 0:
                quota.reserve(account_id=account.pk, amount=dice.randrange(9), reference=f"more:{number}")
            case 1 | 2:
                quota.settle(
                    reference=f"job:{dice.randrange(20)}",
                    used=dice.randrange(6),
                    released=dice.randrange(3),
                    entry=f"batch:{number}",
                )
            case 3:
                quota.close(reference=f"job:{dice.randrange(20)}", entry=f"close:{number}")
            case 4:
                quota.set_monthly(account=account, amount=dice.randrange(250, 350), actor=None)

    at_once(move, 200)
    assert_books_balance(account)
