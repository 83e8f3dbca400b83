"""Earlier results of the same account, and domain facts of all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import F
from psycopg import AsyncConnection
from pytest_django import Settings

from accounts.models import Account, QuotaPeriod
from tests.factories import make_account
from tests.verification.factories import make_job
from verification.domain import drain
from verification.domain.claims import Order
from verification.domain.database import connection_kwargs
from verification.engine import Answer, scenarios
from verification.engine.types import CatchAll, CatchAllState
from verification.models import CheckResult, DomainFact, Job, KnownMailbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    settings.RETRY_MINUTES = []
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(drain, "FLUSH_SECONDS", 0.05)


def work_off() -> tuple[list[str], dict[str, CatchAll]]:
    """Run a drain; gives the addresses asked for and the catch-all probes handed to the engine."""
    asked: list[str] = []
    handed: dict[str, CatchAll] = {}

    async def probe(address: str, order: Order) -> Answer:
        asked.append(address)
        return scenarios.answer(address)

    async def go() -> None:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            await drain.Drain(own, probe, remember=handed.__setitem__).run()

    asyncio.run(go())
    return asked, handed


def run(emails: list[str], account: Account, *, max_age: int = 7_200) -> tuple[Job, list[str]]:
    job = make_job(emails, account=account)
    Job.objects.filter(pk=job.pk).update(max_age=max_age)
    asked, _ = work_off()
    assert_books_of(account)
    return job, asked


def assert_books_of(account: Account) -> None:
    used = QuotaPeriod.objects.get(account=account).used
    assert used == CheckResult.objects.filter(account=account, charged=True).count()


def age(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE verification_knownmailbox SET checked_at = checked_at - %s::interval", [f"{seconds} s"])


def test_a_fresh_result_answers_again_and_keeps_its_date() -> None:
    account = make_account()
    first, _ = run(["jane@ok.test"], account)

    second, asked = run(["jane@OK.test", "joe@ok.test"], account)

    assert asked == ["joe@ok.test"]
    again = CheckResult.objects.get(job=second, check_row__position=0)
    source = CheckResult.objects.get(job=first)
    assert (again.result, again.charged, again.checked_at) == ("Ok", True, source.checked_at)
    assert (again.evidence, again.normalized) == (source.evidence, "jane@ok.test")


def test_another_account_asks_anew() -> None:
    run(["jane@ok.test"], make_account())

    _, asked = run(["jane@ok.test"], make_account())

    assert asked == ["jane@ok.test"]


def test_an_old_result_is_asked_for_anew_and_replaced() -> None:
    account = make_account()
    run(["jane@ok.test"], account)
    age(7_300)

    second, asked = run(["jane@ok.test"], account)

    assert asked == ["jane@ok.test"]
    assert KnownMailbox.objects.get().check_row_id == second.checks.get().pk


@pytest.mark.parametrize(("seconds", "asked_again"), [(200, []), (301, ["jane@broken.test"])])
def test_a_passing_trouble_is_reused_for_minutes_only(seconds: int, asked_again: list[str]) -> None:
    account = make_account(greylist_retry=False)
    run(["jane@broken.test"], account)
    age(seconds)

    assert run(["jane@broken.test"], account)[1] == asked_again


@pytest.mark.parametrize("why", ["max_age 0", "switched off", "our fault"])
def test_what_is_not_reused(why: str) -> None:
    account = make_account(greylist_retry=False, result_reuse=why != "switched off")
    email = "jane@blocked.test" if why == "our fault" else "jane@ok.test"
    run([email], account)

    assert run([email], account, max_age=0 if why == "max_age 0" else 7_200)[1] == [email]


def test_catch_all_probes_are_kept_for_all_and_handed_to_the_engine() -> None:
    run(["jane@catchall.test", "joe@catchall.test"], make_account())
    fact = DomainFact.objects.get(domain="catchall.test")
    make_job(["jim@catchall.test"])

    _, handed = work_off()

    assert fact.catch_all == CatchAllState.YES
    assert handed == {
        "catchall.test": CatchAll(CatchAllState.YES, int(fact.probed_at.timestamp()), fact.host),
    }


def test_a_probe_older_than_a_day_is_not_handed_on() -> None:
    run(["jane@catchall.test"], make_account())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE verification_domainfact SET probed_at = probed_at - interval '25 hours'")
    make_job(["jim@catchall.test"])

    assert work_off()[1] == {}


def test_an_older_probe_does_not_replace_a_newer_one() -> None:
    run(["jane@catchall.test"], make_account())
    DomainFact.objects.update(catch_all="no", probed_at=F("probed_at") + timedelta(hours=1))

    make_job(["jim@catchall.test"])
    work_off()

    assert DomainFact.objects.get(domain="catchall.test").catch_all == "no"
