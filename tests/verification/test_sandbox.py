"""The addresses of docs/api/sandbox.md do what it says, on each road a sandbox key can take."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from accounts.domain import quota
from accounts.models import Account, KeyKind, LedgerEntry, Reservation
from tests.asgi_server import serving
from tests.factories import make_account, make_key
from verification.domain import drain
from verification.engine import scenarios
from verification.engine.types import LEGAL_PAIRS, Blame
from verification.models import Check, CheckResult, DailyTally, DomainFact, Event, KnownMailbox, PendingTally

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = Path(__file__).parents[2] / "docs/api/sandbox.md"
CELLS = re.compile(r"`([^`]*)`")


def table(heading: str) -> list[list[str]]:
    """Give the rows of a table, each as what its cells hold between backticks or, without these, as they are."""
    part = PAGE.read_text("utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def refusal(address: str, two: str, native: str) -> tuple[str, int, str, int]:
    status, phrase = two.split(" ", 1)
    return address.strip("`"), int(status), phrase.strip("`"), int(native)


VERDICTS = [tuple(CELLS.findall("|".join(row))) for row in table("One address for each verdict")]
REFUSALS = [refusal(*row) for row in table("One address for each refusal")]


@pytest.fixture
def account() -> Account:
    return make_account(monthly_quota=10)


@pytest.fixture
def secret(account: Account) -> str:
    return make_key(account, KeyKind.SANDBOX)[1]


@pytest.fixture
def url() -> Iterator[str]:
    with serving() as url:
        yield url


def assert_free(account: Account) -> None:
    """Nothing was charged, remembered or counted."""
    assert quota.left(account_id=account.pk) == 10
    assert Reservation.objects.count() == 0
    assert LedgerEntry.objects.exclude(kind="grant").count() == 0
    for model in (KnownMailbox, DomainFact, PendingTally, DailyTally):
        assert model._default_manager.count() == 0


def test_every_legal_pair_has_its_address() -> None:
    assert {(result, reason) for _, result, reason, _ in VERDICTS} == LEGAL_PAIRS
    assert {blame for *_, blame in VERDICTS} <= set(Blame)


@pytest.mark.parametrize(("address", "result", "reason", "blame"), VERDICTS)
def test_the_page_says_what_the_table_of_scenarios_says(address: str, result: str, reason: str, blame: str) -> None:
    verdict = scenarios.answer(address).verdict
    assert (verdict.result, verdict.reason, verdict.blame) == (result, reason, blame)


def test_single_checks_with_a_sandbox_key(url: str, account: Account, secret: str) -> None:
    headers = {"X-License-Key": secret}
    with httpx.Client(base_url=url, headers=headers) as client:
        for address, result, reason, blame in VERDICTS:
            two = client.get("/api/emh/a/v2", params={"e": address}).json()
            assert (two["result"], two["reason"], two["email"]) == (result, reason, address)
            native = client.post("/api/v1/verify", json={"email": address}).json()
            shown = native["result"], native["reason"], native["blame"], native["charged"]
            assert shown == (result, reason, blame, False)
            three = client.get(f"/v3/more/json/{secret}/{address}").json()["emailVerification"]["mailboxVerification"]
            assert three == {"result": result, "reason": reason}
    assert Check.objects.count() == 0
    assert_free(account)


def test_the_sandbox_path_with_a_live_key(url: str, account: Account) -> None:
    _, live = make_key(account)
    for address, result, reason, _ in VERDICTS:
        answer = httpx.get(f"{url}/api/emh/a/v2/sandbox", params={"k": live, "e": address}).json()
        assert (answer["result"], answer["reason"]) == (result, reason)
    assert_free(account)


def test_role_and_free_are_worked_out_as_always(url: str, secret: str) -> None:
    answer = httpx.get(f"{url}/api/emh/a/v2?k={secret}&e=info@gmail.com").json()
    assert (answer["result"], answer["role"], answer["free"], answer["disposable"]) == ("Ok", True, True, False)


@pytest.mark.parametrize(("address", "status", "phrase", "native"), REFUSALS)
def test_refusals_to_try(
    url: str, account: Account, secret: str, address: str, status: int, phrase: str, native: int
) -> None:
    headers = {"X-License-Key": secret}
    two = "/api/emh/a/v2"
    for path in (f"{two}?e={address}", f"{two}/sandbox?e={address}", f"/v3/more/json/{secret}/{address}"):
        answer = httpx.get(url + path, headers=headers)
        assert (answer.status_code, answer.text) == (status, phrase)
    answer = httpx.post(f"{url}/api/v1/verify", json={"email": address}, headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (native, "application/problem+json")
    assert_free(account)


def test_a_live_key_is_not_refused_by_address(url: str, account: Account) -> None:
    _, live = make_key(account)
    answer = httpx.get(f"{url}/api/emh/a/v2?k={live}&e=quota@refused.test&max_wait=1", timeout=30)
    assert answer.status_code == 200


def work_off(settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the drain work as it does in the queue's task."""
    settings.RUN_DIR = folder
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    asyncio.run(drain.drain_once())


def test_a_job_with_a_sandbox_key_takes_the_whole_road(
    url: str, account: Account, secret: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"recipients": [{"mail": {"to": [{"email": address} for address, *_ in VERDICTS]}, "reference": "all"}]}
    headers = {"X-License-Key": secret}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        taken = client.post("/api/v1/jobs", json=body)
        job = taken.json()["meta"]["jobId"]
        refused = [to for to in taken.json()["content"]["recipients"][0]["mail"]["to"] if "validationResult" in to]
        work_off(settings, tmp_path, monkeypatch)
        status = client.get(f"/api/v1/jobs/{job}").json()
        results = client.get(f"/api/v1/jobs/{job}/results").json()["results"]
    no_address = {"jane.ok.test", "jane@home@ok.test"}
    assert {to["email"] for to in refused} == no_address
    assert (status["status"], status["counts"]["refused"], status["counts"]["waiting"]) == ("finished", 2, 0)
    assert [(one["email"], one["result"], one["reason"], one["blame"]) for one in results] == [
        row for row in VERDICTS if row[0] not in no_address
    ]
    events = Event.objects.order_by("first_seq").values_list("type", "sub_type", "first_seq", "last_seq")
    kept = CheckResult.objects.order_by("check_row__position")
    assert list(kept.values_list("check_row__address", "result", "reason", "blame")) == VERDICTS
    assert list(events) == [
        ("DROPPED", "INVALID_FORMAT", 1, 2),
        ("STARTED", "PROCESSING_STARTED", 3, 3),
        ("VERIFIED", "", 4, 18),
        ("PROCESSED", "PROCESSING_FINISHED", 19, 19),
    ]
    assert_free(account)
