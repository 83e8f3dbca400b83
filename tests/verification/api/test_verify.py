"""`POST /api/v1/verify` over a real server, against the mail world."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.domain import quota
from accounts.models import Account, KeyKind, Reservation
from tests.factories import make_account, make_key
from tests.fixtures_mail_world import MailWorld
from tests.verification.api.test_live import account, secret, url, wait_until
from verification.models import Check, CheckResult, DomainFact, IdempotencyRecord

__all__ = ["account", "secret", "url"]  # fixtures

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/v1/verify"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def ask(url: str, secret: str, body: Any, **headers: str) -> httpx.Response:  # Any: JSON
    sent = {"Authorization": f"Bearer {secret}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, bytes):
        sent = {"Content-Type": "application/json"} | sent
        return httpx.post(f"{url}{PATH}", content=body, headers=sent, timeout=60)
    return httpx.post(f"{url}{PATH}", json=body, headers=sent, timeout=60)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert (document["type"], document["status"]) == ("about:blank", answer.status_code)
    return answer.status_code, document["detail"]


def test_a_verdict_with_its_evidence(url: str, account: Account, secret: str) -> None:
    answer = ask(url, secret, {"email": "Sales@OK.test", "maxWait": 10, "maxAge": 0})
    document = answer.json()
    attempt = document["evidence"]["attempts"][0]
    assert answer.status_code == 200
    assert document == {
        "result": "Ok",
        "reason": "Success",
        "blame": "none",
        "email": "Sales@OK.test",
        "user": "Sales",
        "domain": "OK.test",
        "normalized": "Sales@ok.test",
        "didYouMean": None,
        "role": True,
        "free": False,
        "disposable": False,
        "provider": None,
        "mailServerLocation": "",
        "catchAll": {"state": "no", "probedTs": document["catchAll"]["probedTs"], "host": "mx.ok.test"},
        "final": True,
        "charged": True,
        "reused": False,
        "checkedTs": document["checkedTs"],
        "duration": document["duration"],
        "evidence": {
            "syntaxFault": None,
            "syntaxDetail": None,
            "mailHosts": "found",
            "mailHostsDetail": document["evidence"]["mailHostsDetail"],
            "spamTrap": False,
            "notProbed": None,
            "ourFault": None,
            "attempts": [attempt],
        },
    }
    assert (attempt["stage"], attempt["host"], attempt["code"], attempt["meaning"]) == (
        "rcpt", "mx.ok.test", 250, "accepted",
    )  # fmt: skip
    assert TIMESTAMP.fullmatch(document["checkedTs"])
    assert TIMESTAMP.fullmatch(document["catchAll"]["probedTs"])
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert (answer.headers["X-Quota-Remaining"], quota.left(account_id=account.pk)) == ("9", 9)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("missing@ok.test", ("Bad", "MailboxDoesNotExist", "address", True, True, "not_tested")),
        ("jane@catchall.test", ("Unverifiable", "ServerIsCatchAll", "their_policy", True, True, "yes")),
        ("jane@greylist.test", ("Unverifiable", "GreyListing", "their_policy", False, True, "not_tested")),
        ("jane@blocked.test", ("RetryLater", "TransientNetworkFault", "our_address", False, False, "not_tested")),
        ("jane@nxdomain.test", ("Bad", "DomainIsInexistent", "address", True, True, "not_tested")),
        ("no address", ("Bad", "AtSignNotFound", "address", True, True, "not_tested")),
    ],
)
def test_blame_finality_and_cost(url: str, secret: str, email: str, shown: tuple[Any, ...]) -> None:
    DomainFact.objects.all().delete()
    document = ask(url, secret, {"email": email}).json()
    members = ("result", "reason", "blame", "final", "charged")
    assert (*(document[name] for name in members), document["catchAll"]["state"]) == shown


def test_what_is_no_address_has_no_normal_form(url: str, secret: str) -> None:
    document = ask(url, secret, {"email": "a..b@ok.test"}).json()
    assert (document["normalized"], document["evidence"]["syntaxFault"]) == (None, "bad_local_part")
    assert document["evidence"]["attempts"] == []


def test_an_earlier_answer_says_so(url: str, account: Account, secret: str) -> None:
    first = ask(url, secret, {"email": "twice@ok.test"}).json()
    CheckResult.objects.update(checked_at=timezone.now() - timedelta(seconds=60))
    again = ask(url, secret, {"email": "twice@ok.test"}).json()
    assert (first["reused"], again["reused"], again["charged"]) == (False, True, True)
    assert again["checkedTs"] < first["checkedTs"]
    assert again["normalized"] == "twice@ok.test"
    assert quota.left(account_id=account.pk) == 8


def test_a_sandbox_key_costs_nothing(url: str, account: Account) -> None:
    _, secret = make_key(account, KeyKind.SANDBOX)
    document = ask(url, secret, {"email": "full@ok.test"}).json()
    assert (document["result"], document["reason"], document["charged"]) == ("Bad", "MailboxFull", False)
    assert (Check.objects.count(), Reservation.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "End of input at line 1 column 1 path $"),
        (b'{"email": "a@b.c"', "End of input at line 1 column 18 path $.email"),
        (b"[]", "The body must be a JSON object."),
        (b"\xff", None),
    ],
)
def test_bodies_that_are_no_json(url: str, account: Account, secret: str, body: bytes, detail: str | None) -> None:
    status, words = problem(ask(url, secret, body))
    assert (status, words) == (400, detail or words)
    assert quota.left(account_id=account.pk) == 10


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"email": ["This field is required."]}),
        ({"email": None}, {"email": ["Must be a string."]}),
        ({"email": " "}, {"email": ["May not be blank."]}),
        ({"email": "a" * 256}, {"email": ["Must have 255 characters at most."]}),
        ({"email": "a@b.c", "maxWait": 91}, {"maxWait": ["Must be a number from 1 to 90."]}),
        ({"email": "a@b.c", "maxWait": True}, {"maxWait": ["Must be a number from 1 to 90."]}),
        ({"email": "a@b.c", "maxAge": -1}, {"maxAge": ["Must be a whole number from 0 to 2592000."]}),
        ({"email": "a@b.c", "maxAge": 1.5}, {"maxAge": ["Must be a whole number from 0 to 2592000."]}),
        ({"email": "a@b.c", "maxage": 1}, {"maxage": ["There is no such member."]}),
    ],
)
def test_values_that_cannot_be(url: str, secret: str, body: dict[str, Any], errors: dict[str, list[str]]) -> None:
    answer = ask(url, secret, body)
    assert (problem(answer), answer.json()["errors"]) == ((400, "Some values are not valid."), errors)


def test_255_characters_are_taken(url: str, secret: str) -> None:
    assert ask(url, secret, {"email": "a" * 255}).json()["reason"] == "AtSignNotFound"


@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ({"Authorization": ""}, 401, "No license key was given."),
        ({"Authorization": "Bearer x"}, 401, "The license key is in an incorrect format."),
        ({"Content_Type": "text/plain"}, 415, "The content type must be application/json, in UTF-8."),
        ({"Content_Encoding": "gzip"}, 415, "A Content-Encoding is not supported."),
    ],
)
def test_headers_that_are_refused(url: str, secret: str, headers: dict[str, str], status: int, detail: str) -> None:
    answer = ask(url, secret, {"email": "jane@ok.test"}, **headers)
    assert problem(answer) == (status, detail)
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


def test_keys_and_accounts_that_are_refused(url: str) -> None:
    expired = make_key(expires_at=timezone.now() - timedelta(seconds=1))[1]
    off = make_key(make_account(verification_api=False))[1]
    poor = make_key(make_account(monthly_quota=0))[1]
    email = {"email": "jane@ok.test"}
    assert problem(ask(url, expired, email)) == (401, "The license key has expired.")
    refused = ask(url, off, email)
    assert problem(refused)[0] == 403
    assert refused.json()["code"] == "DISABLED_IN_ACCOUNT_CONFIG"
    refused = ask(url, poor, email)
    assert problem(refused) == (402, "Quota of 0 left, 1 needed.")
    assert (refused.json()["code"], refused.headers["X-Quota-Remaining"]) == ("QUOTA_EXCEEDED", "0")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(url: str, method: str) -> None:
    answer = httpx.request(method, f"{url}{PATH}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_bodies_are_bounded(url: str, secret: str) -> None:
    assert problem(ask(url, secret, b" " * 65_537))[0] == 413


def test_a_caller_who_hangs_up_pays_nothing_and_may_come_again(url: str, account: Account, secret: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{url}{PATH}",
            json={"email": "jane@silent.test"},
            headers={"X-License-Key": secret, "Idempotency-Key": "gone"},
            timeout=1,
        )
    wait_until(lambda: quota.left(account_id=account.pk) == 10)
    wait_until(lambda: IdempotencyRecord.objects.count() == 0)


def test_sent_again_it_costs_once_and_gets_the_same_answer(url: str, account: Account, secret: str) -> None:
    body = {"email": "again@ok.test", "maxAge": 0}
    first, second = (ask(url, secret, body, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, second.status_code, first.content) == (200, 200, second.content)
    assert (quota.left(account_id=account.pk), Check.objects.count()) == (9, 1)
    assert second.headers["X-Quota-Remaining"] == "9"


def test_fifty_at_once_have_one_effect(url: str, account: Account, secret: str, mail_world: MailWorld) -> None:
    body = {"email": "fifty@slow-300.test", "maxAge": 0}
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: ask(url, secret, body, Idempotency_Key="crowd"), range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert (quota.left(account_id=account.pk), Check.objects.count()) == (9, 1)
    assert len([one for one in mail_world.heard() if "<fifty@" in str(one)]) == 1


def test_another_body_under_the_same_key(url: str, account: Account, secret: str) -> None:
    ask(url, secret, {"email": "one@ok.test"}, Idempotency_Key="k")
    answer = ask(url, secret, {"email": "two@ok.test"}, Idempotency_Key="k")
    assert problem(answer) == (422, "This Idempotency-Key was used for another request.")
    assert (answer.json()["code"], Check.objects.count()) == ("IDEMPOTENCY_KEY_REUSED", 1)


def test_refusals_of_the_request_are_kept_those_that_pass_are_not(url: str, account: Account, secret: str) -> None:
    first, second = (ask(url, secret, {"email": 1}, Idempotency_Key="bad") for _ in range(2))
    assert (first.status_code, first.content) == (400, second.content)
    assert problem(ask(url, secret, {"email": "now@ok.test"}, Idempotency_Key="bad"))[0] == 422
    poor = make_key(make_account(monthly_quota=0))[0]
    _, poor_secret = make_key(poor.account)
    assert ask(url, poor_secret, {"email": "jane@ok.test"}, Idempotency_Key="poor").status_code == 402
    quota.set_monthly(account=poor.account, amount=5, actor=None)
    assert ask(url, poor_secret, {"email": "jane@ok.test"}, Idempotency_Key="poor").status_code == 200


def test_accounts_and_the_sandbox_are_apart(url: str, account: Account, secret: str) -> None:
    for other in (secret, make_key()[1], make_key(account, KeyKind.SANDBOX)[1]):
        answer = ask(url, other, {"email": f"{other[-8:]}@ok.test"}, Idempotency_Key="shared")
        assert answer.status_code == 200
    assert IdempotencyRecord.objects.count() == 3


@pytest.mark.parametrize(("key", "status"), [("", 400), ("x" * 255, 200), ("x" * 256, 400), ('"é"', 200)])
def test_how_long_a_key_may_be(url: str, secret: str, key: str, status: int) -> None:
    headers = {b"Authorization": f"Bearer {secret}".encode(), b"Idempotency-Key": key.encode()}
    answer = httpx.post(f"{url}{PATH}", json={"email": "jane@ok.test"}, headers=headers, timeout=30)
    assert answer.status_code == status
    if status == 400:
        assert problem(answer) == (400, "An Idempotency-Key has 1 to 255 characters.")


def test_one_that_is_under_way_is_waited_for_then_told(
    url: str, account: Account, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verification.domain.idempotency.PATIENCE_SECONDS", 1.0)
    body = {"email": "jane@silent.test", "maxWait": 4}
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask, url, secret, body, Idempotency_Key="slow")
        wait_until(lambda: IdempotencyRecord.objects.count() == 1)
        started = time.monotonic()
        answer = ask(url, secret, body, Idempotency_Key="slow")
        assert (problem(answer)[0], answer.json()["code"]) == (409, "IN_PROGRESS")
        assert answer.headers["Retry-After"] == "5"
        assert 1 <= time.monotonic() - started < 3
        assert first.result().status_code == 200


def test_keys_stay_out_of_the_log(url: str, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    ask(url, secret, {"email": "jane@ok.test"})
    lines = [record.getMessage() for record in caplog.records if record.name == "verification.api.verify"]
    assert [re.sub(r"\d+ ms", "N ms", line) for line in lines] == [f"POST {PATH} 200 N ms"]
