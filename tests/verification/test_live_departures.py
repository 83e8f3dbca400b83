"""Calls of one key that end at once share a transaction; each is charged and kept once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from psycopg import AsyncConnection, OperationalError

from accounts.domain import quota
from accounts.domain.admission import Admission
from accounts.domain.quota import NothingReserved
from accounts.domain.standing import Standing
from accounts.models import Account, AccountConfig, KeyKind, LicenseKey, QuotaPeriod
from tests.factories import make_account, make_key
from verification.domain import live_departures
from verification.domain.database import connection_kwargs
from verification.domain.live_departures import Departure, Exits, end
from verification.domain.live_pool import LivePool
from verification.engine import scenarios
from verification.engine.syntax import parse
from verification.models import Check, CheckResult, KnownMailbox, PendingTally

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def key() -> LicenseKey:
    return make_key(make_account(monthly_quota=10))[0]


def departure(key: LicenseKey, email: str, *, reserved: bool = True) -> Departure:
    reference = f"live:{email}"
    if reserved:
        quota.reserve(account_id=key.account_id, amount=1, reference=reference, key_id=key.pk)
    grant = Admission(
        *(key.pk, key.account_id, KeyKind.LIVE, AccountConfig(), False, False),
        Standing(quota_left=9),
    )
    reply = scenarios.answer(email)
    charged = not reply.verdict.blame.is_ours
    return Departure(grant, parse(email), reference, reply, charged=charged, digest=email.casefold().encode())


def leave(departures: Sequence[Departure]) -> list[BaseException | None]:
    async def go() -> list[BaseException | None]:
        pool = LivePool()
        await pool.open()
        exits = Exits(pool)
        try:
            return await asyncio.gather(*map(exits.leave, departures), return_exceptions=True)
        finally:
            await pool.close()

    return asyncio.run(go())


def kept() -> list[tuple[str, str, bool]]:
    rows = CheckResult.objects.order_by("check_row__address")
    return list(rows.values_list("check_row__address", "result", "charged"))


def used_and_reserved(account: Account) -> tuple[int, int]:
    period = QuotaPeriod.objects.get(account=account)
    return period.used, period.reserved


def test_each_is_charged_what_its_answer_is_worth(key: LicenseKey) -> None:
    emails = ["jane@blocked.test", "jane@ok.test", "missing@ok.test"]
    assert leave([departure(key, email) for email in emails]) == [None, None, None]
    assert kept() == [
        ("jane@blocked.test", "RetryLater", False),
        ("jane@ok.test", "Ok", True),
        ("missing@ok.test", "Bad", True),
    ]
    assert used_and_reserved(key.account) == (2, 0)
    tallies = PendingTally.objects.order_by("result").values_list("result", "count", "charged", "key_id")
    assert list(tallies) == [("Bad", 1, 1, key.pk), ("Ok", 1, 1, key.pk), ("RetryLater", 1, 0, key.pk)]
    assert KnownMailbox.objects.count() == 2


def test_two_calls_for_one_mailbox_are_two_checks_and_one_known_mailbox(key: LicenseKey) -> None:
    first = departure(key, "jane@ok.test")
    second = replace(departure(key, "Jane@ok.test"), digest=first.digest)

    async def go() -> None:
        async with await AsyncConnection.connect(**connection_kwargs("web")) as own:
            await end(own, [first, second])

    asyncio.run(go())
    assert Check.objects.count() == 2
    assert KnownMailbox.objects.get().check_row_id == max(Check.objects.values_list("pk", flat=True))


def test_one_that_holds_nothing_any_more_breaks_no_other(key: LicenseKey) -> None:
    expired = departure(key, "late@ok.test", reserved=False)
    told = leave([departure(key, "jane@ok.test"), expired])
    assert [type(error) for error in told] == [type(None), NothingReserved]
    assert kept() == [("jane@ok.test", "Ok", True)]
    assert used_and_reserved(key.account) == (1, 0)


def test_a_commit_whose_answer_was_lost_is_done_once(key: LicenseKey, monkeypatch: pytest.MonkeyPatch) -> None:
    answers_lost = [True]

    async def end_and_lose(connection: AsyncConnection[tuple[object, ...]], departures: Sequence[Departure]) -> None:
        await end(connection, departures)
        if answers_lost:
            answers_lost.clear()
            await connection.execute("COMMIT")
            raise OperationalError("the connection is gone")

    monkeypatch.setattr(live_departures, "end", end_and_lose)
    assert leave([departure(key, "jane@ok.test"), departure(key, "jane@blocked.test")]) == [None, None]
    assert kept() == [("jane@blocked.test", "RetryLater", False), ("jane@ok.test", "Ok", True)]
    assert used_and_reserved(key.account) == (1, 0)
    assert sum(PendingTally.objects.values_list("count", flat=True)) == 2


def test_an_earlier_result_keeps_its_date_and_is_not_remembered_anew(key: LicenseKey) -> None:
    checked = departure(key, "jane@ok.test")
    leave([checked])
    first = CheckResult.objects.get()
    again = replace(departure(key, "jane@OK.test"), reply=checked.reply, digest=None, checked_at=first.checked_at)
    assert leave([again]) == [None]
    newest = CheckResult.objects.latest("check_row_id")
    assert (newest.checked_at, newest.evidence) == (first.checked_at, first.evidence)
    assert KnownMailbox.objects.get().check_row_id == first.check_row_id
