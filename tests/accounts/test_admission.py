"""Who is let in: rates, caps, and how many may wait at once."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from accounts.domain import keys, quota
from accounts.domain.admission import Admission, Call, Caller, Refused, admitting, admitting_one
from accounts.domain.moves import arun, run
from accounts.domain.quota import Ended, KeyCapReached, QuotaExceeded
from accounts.domain.refusals import KeyScope, TooManyCalls
from accounts.domain.standing import Standing, headers
from accounts.models import (
    Account,
    AccountConfig,
    AccountUsage,
    KeyKind,
    KeyUsage,
    LedgerEntry,
    LicenseKey,
    QuotaPeriod,
    Reservation,
)
from tests.accounts.connections import connect
from tests.factories import make_account, make_key

pytestmark = pytest.mark.django_db(transaction=True)


def let_in(secret: str, *references: str, amount: int = 1, at_once: bool = False) -> list[Admission | Refused]:
    caller = Caller(keys.digest(secret), scope="verify", amount=amount, at_once=at_once)
    return run(admitting(caller, [Call(reference, 60) for reference in references]))


def ends(decisions: Iterable[Admission | Refused]) -> list[str]:
    return [type(decision).__name__ for decision in decisions]


def standings(decisions: Iterable[Admission | Refused]) -> list[tuple[int, int, int, int]]:
    return [
        (each.standing.limit, each.standing.remaining, each.standing.reset_seconds, each.standing.quota_left)
        for each in decisions
    ]


def names(count: int, start: str = "call") -> list[str]:
    return [f"{start}:{number}" for number in range(count)]


def pass_seconds(seconds: int) -> None:
    AccountUsage.objects.update(since=F("since") - timedelta(seconds=seconds))
    KeyUsage.objects.update(since=F("since") - timedelta(seconds=seconds))


def end(*calls: Ended) -> None:
    async def act() -> None:
        own = await connect()
        try:
            await quota.end_calls(own, calls)
        finally:
            await own.close()

    asyncio.run(act())


def assert_books_balance(account: Account) -> None:
    """Hold what is counted against what it is counted from."""
    period = QuotaPeriod.objects.get(account=account)
    open_ = [each for each in Reservation.objects.filter(account=account) if each.open]
    assert period.reserved == sum(each.from_period for each in open_)
    assert AccountUsage.objects.get(account=account).waiting == len([each for each in open_ if each.expires_at])
    settled = LedgerEntry.objects.filter(account=account, kind="settle").values_list("amount", flat=True)
    assert period.used == sum(settled)
    for usage in KeyUsage.objects.filter(key__account=account):
        held = sum(each.open for each in open_ if each.key_id == usage.key_id)
        entries = LedgerEntry.objects.filter(kind="reserve", key=usage.key).values_list("reference", flat=True)
        charged = [entry.removeprefix("reserve:") for entry in entries]
        assert usage.taken == held + LedgerEntry.objects.filter(kind="settle", reference__in=charged).count()


def test_a_crowd_is_let_in_up_to_the_rate() -> None:
    account = make_account(monthly_quota=100, calls_per_minute=3)
    _, secret = make_key(account)
    decisions = let_in(secret, *names(5))
    assert ends(decisions) == ["Admission"] * 3 + ["TooManyCalls"] * 2
    assert standings(decisions) == [(3, 2, 60, 99), (3, 1, 60, 98), (3, 0, 60, 97), (3, 0, 60, 97), (3, 0, 60, 97)]
    assert [each.retry_after for each in decisions if isinstance(each, TooManyCalls)] == [60, 60]
    assert (quota.left(account_id=account.pk), Reservation.objects.count()) == (97, 3)
    assert_books_balance(account)


def test_what_is_left_counts_down_one_by_one() -> None:
    _, secret = make_key(make_account(monthly_quota=10, calls_per_minute=3))
    found = [standings(let_in(secret, name))[0] for name in names(3)]
    assert found == [(3, 2, 60, 9), (3, 1, 60, 8), (3, 0, 60, 7)]


def test_one_call_too_many_shuts_out_for_the_next_minute() -> None:
    _, secret = make_key(make_account(calls_per_minute=2))
    assert ends(let_in(secret, "a", "b")) == ["Admission"] * 2
    pass_seconds(40)
    (refused,) = let_in(secret, "c")
    assert isinstance(refused, TooManyCalls)
    assert refused.retry_after == 60
    pass_seconds(50)
    (refused,) = let_in(secret, "d")
    assert isinstance(refused, TooManyCalls)
    assert refused.retry_after == 10
    pass_seconds(10)
    assert ends(let_in(secret, "e", "f")) == ["Admission"] * 2


def test_a_minute_begins_with_its_first_call() -> None:
    _, secret = make_key(make_account(calls_per_minute=2))
    let_in(secret, "a")
    pass_seconds(59)
    assert standings(let_in(secret, "b"))[0][1:3] == (0, 1)
    pass_seconds(1)
    assert standings(let_in(secret, "c"))[0][1:3] == (1, 60)


def test_staff_who_raise_a_limit_let_callers_in_at_once() -> None:
    account = make_account(calls_per_minute=1)
    _, secret = make_key(account)
    assert ends(let_in(secret, "a", "b")) == ["Admission", "TooManyCalls"]
    AccountConfig.objects.update(calls_per_minute=5)
    assert ends(let_in(secret, "c")) == ["Admission"]


def test_a_key_has_a_rate_of_its_own_within_its_account_s() -> None:
    account = make_account(calls_per_minute=4)
    (_, slow), (_, fast) = make_key(account, calls_per_minute=1), make_key(account)
    assert ends(let_in(slow, "a", "b")) == ["Admission", "TooManyCalls"]
    assert ends(let_in(fast, "c", "d", "e", "f")) == ["Admission"] * 3 + ["TooManyCalls"]
    assert standings(let_in(slow, "g"))[0][:2] == (1, 0)


def test_who_is_over_the_rate_of_its_key_takes_nothing_from_its_account() -> None:
    account = make_account(calls_per_minute=4)
    (_, slow), (_, fast) = make_key(account, calls_per_minute=1), make_key(account)
    for number in range(9):
        let_in(slow, f"slow:{number}")
    assert ends(let_in(fast, *names(3))) == ["Admission"] * 3


def test_sandbox_keys_are_counted_and_charged_nothing() -> None:
    account = make_account(monthly_quota=10, calls_per_minute=2)
    _, secret = make_key(account, KeyKind.SANDBOX)
    decisions = let_in(secret, *names(3))
    assert ends(decisions) == ["Admission"] * 2 + ["TooManyCalls"]
    assert (quota.left(account_id=account.pk), Reservation.objects.exists()) == (10, False)


def test_a_call_that_was_counted_is_not_counted_again() -> None:
    _, secret = make_key(make_account(calls_per_minute=1))
    first = run(admitting_one(Caller(keys.digest(secret))))
    again = run(admitting_one(Caller(keys.digest(secret), amount=1, counts=False), Call("a", 60)))
    assert (first.standing.remaining, again.standing.remaining) == (0, 0)
    assert ends(let_in(secret, "b")) == ["TooManyCalls"]


def test_what_a_key_is_not_for_is_a_call_all_the_same() -> None:
    _, secret = make_key(make_account(monthly_quota=5, calls_per_minute=2), scopes=["jobs"])
    decisions = let_in(secret, *names(3))
    assert ends(decisions) == ["KeyScope", "KeyScope", "TooManyCalls"]
    assert isinstance(decisions[0], KeyScope)
    assert decisions[0].standing == Standing(2, 1, 60, 5)
    assert not Reservation.objects.exists()


def test_so_many_may_wait_at_once() -> None:
    account = make_account(monthly_quota=10, concurrent_calls=2)
    _, secret = make_key(account)
    decisions = let_in(secret, "a", "b", "c")
    assert ends(decisions) == ["Admission", "Admission", "TooManyCalls"]
    assert isinstance(decisions[2], TooManyCalls)
    assert (decisions[2].retry_after, str(decisions[2])) == (1, "Too many calls are waiting for mail servers.")
    assert ends(let_in(secret, "d", at_once=True)) == ["Admission"]
    end(Ended("a", 1, "a"))
    assert ends(let_in(secret, "e", "f")) == ["Admission", "TooManyCalls"]
    assert_books_balance(account)


def test_calls_whose_process_died_wait_no_longer() -> None:
    account = make_account(monthly_quota=10, concurrent_calls=1)
    _, secret = make_key(account)
    let_in(secret, "a")
    Reservation.objects.update(expires_at=Now())
    assert quota.release_expired() == 1
    assert ends(let_in(secret, "b")) == ["Admission"]
    assert_books_balance(account)


def test_a_key_s_own_cap() -> None:
    account = make_account(monthly_quota=10)
    (_, secret), (_, other) = make_key(account, monthly_cap=2), make_key(account)
    decisions = let_in(secret, "a", "b", "c")
    assert ends(decisions) == ["Admission", "Admission", "KeyCapReached"]
    assert standings(decisions)[2][3] == 8
    assert ends(let_in(other, "d")) == ["Admission"]
    assert quota.left(account_id=account.pk) == 7
    end(Ended("a", 0, "a:free"), Ended("b", 1, "b"))
    assert ends(let_in(secret, "e", "f")) == ["Admission", "KeyCapReached"]
    assert_books_balance(account)


def test_a_cap_begins_anew_with_the_period() -> None:
    account = make_account(monthly_quota=10)
    key, secret = make_key(account, monthly_cap=1)
    assert ends(let_in(secret, "a", "b")) == ["Admission", "KeyCapReached"]
    QuotaPeriod.objects.update(starts_on=F("starts_on") - timedelta(days=40), ends_on=F("ends_on") - timedelta(days=40))
    assert ends(let_in(secret, "c", "d")) == ["Admission", "KeyCapReached"]
    end(Ended("a", 0, "a:free"))  # of the period before: gives nothing back of this one
    assert (KeyUsage.objects.get(key=key).taken, ends(let_in(secret, "e"))) == (1, ["KeyCapReached"])


def test_jobs_count_on_the_cap_of_their_key() -> None:
    account = make_account(monthly_quota=10)
    key, secret = make_key(account, monthly_cap=5)
    quota.reserve(account_id=account.pk, amount=4, reference="job:1", key_id=key.pk)
    with pytest.raises(KeyCapReached) as refusal:
        quota.reserve(account_id=account.pk, amount=2, reference="job:2", key_id=key.pk)
    assert (refusal.value.left, refusal.value.needed) == (1, 2)
    assert ends(let_in(secret, "a", "b")) == ["Admission", "KeyCapReached"]
    quota.settle(reference="job:1", used=1, released=1, entry="part")
    quota.close(reference="job:1", entry="end")
    assert KeyUsage.objects.get().taken == 2
    assert ends(let_in(secret, *names(4))) == ["Admission"] * 3 + ["KeyCapReached"]


def test_quota_ends_in_the_middle_of_a_crowd() -> None:
    account = make_account(monthly_quota=2)
    quota.grant(account=account, amount=2, actor=None, reason="prepaid")
    decisions = let_in(make_key(account)[1], *names(6))
    assert ends(decisions) == ["Admission"] * 4 + ["QuotaExceeded"] * 2
    assert [each[3] for each in standings(decisions)] == [3, 2, 1, 0, 0, 0]
    split = Reservation.objects.order_by("pk").values_list("from_period", "from_credit")
    assert list(split) == [(1, 0), (1, 0), (0, 1), (0, 1)]
    assert_books_balance(account)


def test_charged_at_once() -> None:
    account = make_account(monthly_quota=2)
    quota.grant(account=account, amount=2, actor=None, reason="prepaid")
    key, secret = make_key(account)
    decisions = let_in(secret, "a", "b", "c", at_once=True)
    assert [each.charged for each in decisions if isinstance(each, Admission)] == [True] * 3
    assert (quota.left(account_id=account.pk), Reservation.objects.exists()) == (1, False)
    moved = LedgerEntry.objects.exclude(kind="grant").order_by("reference").values_list("kind", "amount", "key")
    assert list(moved) == [("settle", 1, key.pk)] * 3 + [("reserve", 1, key.pk)] * 3
    (again, fresh) = let_in(secret, "a", "d", at_once=True)
    assert (again.again, fresh.again) == (True, False)  # type: ignore[union-attr]  # else it is no attribute
    assert quota.left(account_id=account.pk) == 0


def test_where_results_are_not_reused_nothing_is_charged_at_once() -> None:
    account = make_account(result_reuse=False)
    (decision,) = let_in(make_key(account)[1], "a", at_once=True)
    assert isinstance(decision, Admission)
    assert (decision.charged, Reservation.objects.get().open) == (False, 1)


def test_an_unknown_key_is_unknown_however_many_ask() -> None:
    key, secret = make_key()
    LicenseKey.objects.filter(pk=key.pk).delete()
    assert ends(let_in(secret, "a", "b")) == ["KeyUnknown", "KeyUnknown"]


def test_ending_calls_twice_charges_once() -> None:
    account = make_account(monthly_quota=10)
    _, secret = make_key(account)
    let_in(secret, "a", "b", "c")
    for _ in range(2):
        end(Ended("a", 1, "a"), Ended("b", 0, "b:free"))
    assert quota.left(account_id=account.pk) == 8
    assert_books_balance(account)
    end(Ended("c", 0, "c:gone"))
    with pytest.raises(quota.NothingReserved):
        end(Ended("c", 1, "c"))


def test_headers() -> None:
    assert headers(Standing(limit=60, remaining=2, reset_seconds=11, quota_left=700)) == {
        "RateLimit-Limit": "60",
        "RateLimit-Remaining": "2",
        "RateLimit-Reset": "11",
        "X-Quota-Remaining": "700",
    }


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"calls_per_minute": 21}, "TooManyCalls"),
        ({"concurrent_calls": 21}, "TooManyCalls"),
        ({"monthly_quota": 21}, "QuotaExceeded"),
        ({"monthly_cap": 21}, "KeyCapReached"),
    ],
)
def test_64_clients_in_two_processes(limits: dict[str, int], refusal: str) -> None:
    cap = limits.pop("monthly_cap", None)
    rules: dict[str, Any] = {"monthly_quota": 1_000} | limits
    account = make_account(**rules)
    _, secret = make_key(account, monthly_cap=cap)
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.accounts.admission_worker", "32", secret, f"process{number}"],
            env=os.environ | {"DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.close()
    ended: Counter[str] = Counter()
    for process in processes:
        assert process.stdout
        ended += Counter(json.loads(process.stdout.read()))
        process.stdout.close()
        process.wait(30)
    assert ended == {"let in": 21, refusal: 43}
    assert quota.left(account_id=account.pk) == limits.get("monthly_quota", 1_000) - 21
    assert_books_balance(account)


def test_64_calls_that_end_at_once_in_groups() -> None:
    account = make_account(monthly_quota=100)
    digest = keys.digest(make_key(account)[1])

    async def call(number: int) -> None:
        own = await connect()
        try:
            references = [f"call:{number}:{each}" for each in range(4)]
            await arun(own, admitting(Caller(digest, amount=1), [Call(each, 60) for each in references]))
            await quota.end_calls(own, [Ended(each, n % 2, each) for n, each in enumerate(references)])
        finally:
            await own.close()

    async def crowd() -> None:
        await asyncio.gather(*map(call, range(16)))

    asyncio.run(crowd())
    assert quota.left(account_id=account.pk) == 100 - 32
    assert_books_balance(account)


def test_quota_exceeded_is_told_what_is_left() -> None:
    (refused,) = let_in(make_key(make_account(monthly_quota=3))[1], "a", amount=4)
    assert isinstance(refused, QuotaExceeded)
    assert (refused.left, refused.needed) == (3, 4)
