"""Rates as callers meet them: the same headers and a 429 on every route."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from accounts.domain import quota
from accounts.models import AccountUsage, KeyKind, LedgerEntry
from tests.factories import make_account, make_key
from tests.verification.api.test_live import PATH, url
from verification.models import Check

__all__ = ["url"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

STANDING = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-Quota-Remaining"]
JOB = {"recipients": [{"mail": {"to": [{"email": "jane@ok.test"}]}}]}
NOWHERE = "00000000-0000-0000-0000-000000000000"
ROUTES: dict[str, tuple[str, object, int, int]] = {  # path, body, status with a good key, what it takes
    "v2": (f"{PATH}?k=KEY&e=jane@ok.test", None, 200, 1),
    "v2 sandbox": (f"{PATH}/sandbox?k=KEY&e=jane@ok.test", None, 200, 0),
    "edition 3": ("/v3/more/json/KEY/jane@ok.test", None, 200, 1),
    "edition 3 quota": ("/customer/reports/v3/quota/KEY", None, 200, 0),
    "verify": ("/api/v1/verify", {"email": "jane@ok.test"}, 200, 1),
    "jobs": ("/api/v1/jobs", JOB, 202, 1),
    "job": (f"/api/v1/jobs/{NOWHERE}", None, 404, 0),
    "results": (f"/api/v1/jobs/{NOWHERE}/results", None, 404, 0),
    "account": ("/api/v1/account", None, 200, 0),
    "quota": ("/api/v1/quota", None, 200, 0),
    "usage": ("/api/v1/usage", None, 200, 0),
    "usage in CSV": ("/api/v1/usage?format=csv", None, 200, 0),
}
FAULTS: dict[str, tuple[str, object, int]] = {  # path, body, status: refused, and a call all the same
    "v2 without an address": (f"{PATH}?k=KEY", None, 400),
    "v2 by POST": (f"{PATH}?k=KEY", {}, 405),
    "edition 3 without an address": ("/v3/more/json/KEY/", None, 400),
    "edition 3 by POST": ("/v3/more/json/KEY/jane@ok.test", {}, 405),
    "edition 3 quota by POST": ("/customer/reports/v3/quota/KEY", {}, 405),
    "verify without an address": ("/api/v1/verify", {}, 400),
    "verify by GET": ("/api/v1/verify", None, 405),
    "jobs without recipients": ("/api/v1/jobs", {}, 400),
    "account by POST": ("/api/v1/account", {}, 405),
    "usage of no day": ("/api/v1/usage?from=x", None, 400),
}
STRANGERS: dict[str, tuple[str, object, int]] = {  # path, body, status: nobody is asked who they are, or it is nobody
    "v2 without a key": (f"{PATH}?e=jane@ok.test", None, 400),
    "v2 with a key mistyped": (f"{PATH}?k=x&e=jane@ok.test", None, 400),
    "edition 3": ("/v3/nowhere", None, 404),
    "jobs": ("/api/v1/jobs", JOB, 401),
    "account": ("/api/v1/account", None, 401),
    "verify": ("/api/v1/verify", {"email": "jane@ok.test"}, 401),
    "a path that is none": ("/api/v1/nowhere", None, 404),
    "a body too big": ("/api/v1/verify", {"email": "x" * 70_000}, 413),
}


def call(url: str, secret: str, path: str, body: object, **headers: str) -> httpx.Response:
    at = f"{url}{path.replace('KEY', secret)}"
    if secret and "KEY" not in path:
        headers["X-License-Key"] = secret
    method = "GET" if body is None else "POST"
    return httpx.request(method, at, json=body, headers=headers, timeout=60)


def standing(answer: httpx.Response) -> list[str]:
    """Give the headers of the standing, each of which is there once."""
    assert [len(answer.headers.get_list(name)) for name in [*STANDING, "X-Request-Id"]] == [1] * 5
    return [answer.headers[name] for name in STANDING]


@pytest.mark.parametrize("route", ROUTES)
def test_every_answer_says_how_its_caller_stands(url: str, route: str) -> None:
    path, body, status, takes = ROUTES[route]
    account = make_account(monthly_quota=10, calls_per_minute=2)
    _, secret = make_key(account)
    found = [call(url, secret, path, body) for _ in range(3)]
    assert [answer.status_code for answer in found] == [status, status, 429]
    left = [str(10 - takes), str(10 - 2 * takes)]
    assert standing(found[0]) == ["2", "1", "60", left[0]]
    limit, remaining, reset, quota_left = standing(found[1])
    assert (limit, remaining, quota_left) == ("2", "0", left[1])
    assert 50 <= int(reset) <= 60
    assert standing(found[2]) == ["2", "0", "60", left[1]]
    assert found[2].headers["Retry-After"] == "60"
    assert quota.left(account_id=account.pk) == int(left[1])


@pytest.mark.parametrize("route", FAULTS)
def test_what_cannot_be_answered_is_a_call_too(url: str, route: str) -> None:
    path, body, status = FAULTS[route]
    _, secret = make_key(make_account(monthly_quota=10, calls_per_minute=1))
    first, second = (call(url, secret, path, body) for _ in range(2))
    assert (first.status_code, standing(first)) == (status, ["1", "0", "60", "10"])
    assert (second.status_code, second.headers["Retry-After"]) == (429, "60")


@pytest.mark.parametrize("route", STRANGERS)
def test_nobody_has_calls_or_checks(url: str, route: str) -> None:
    path, body, status = STRANGERS[route]
    answer = call(url, "", path, body)
    assert (answer.status_code, standing(answer)) == (status, ["0", "0", "0", "0"])


def test_how_each_edition_says_429(url: str) -> None:
    account = make_account(calls_per_minute=1)
    _, secret = make_key(account)
    call(url, secret, "/api/v1/quota", None)
    text = call(url, secret, *ROUTES["v2"][:2])
    assert (text.headers["Content-Type"], text.text) == (
        "text/plain; charset=utf-8",
        "Too many requests. The rate of calls is exceeded.",
    )
    assert call(url, secret, *ROUTES["edition 3"][:2]).text == text.text
    problem = {"type": "about:blank", "title": "Too Many Requests", "status": 429, "code": "RATE_LIMITED"}
    for route, told in (("verify", ""), ("account", r" Expected available in (\d|[1-5]\d|60) seconds?\.")):
        answer = call(url, secret, *ROUTES[route][:2])
        assert answer.headers["Content-Type"] == "application/problem+json"
        detail = answer.json()["detail"]
        assert re.fullmatch(rf"The rate of calls is exceeded\.{told}", detail)
        assert answer.json() == problem | {"detail": detail}
    state = call(url, secret, *ROUTES["jobs"][:2]).json()["meta"]["state"]
    assert (state["type"], state["subType"], state["phase"]) == ("REJECTED", "RATE_LIMITED", "PRE_PROCESS")


def test_a_cap_reached_is_quota_used_up(url: str) -> None:
    _, secret = make_key(make_account(monthly_quota=10), monthly_cap=1)
    assert call(url, secret, *ROUTES["v2"][:2]).status_code == 200
    v2 = call(url, secret, *ROUTES["v2"][:2])
    assert (v2.status_code, v2.text) == (401, "Invalid license key. Reason:Insufficient quota")
    native = call(url, secret, *ROUTES["verify"][:2])
    assert (native.status_code, native.json()["code"], native.headers["X-Quota-Remaining"]) == (
        *(402, "QUOTA_EXCEEDED"),
        "9",
    )
    job = call(url, secret, *ROUTES["jobs"][:2])
    assert (job.status_code, job.json()["meta"]["state"]["description"]) == (402, "Quota of 0 left, 1 needed")


def test_an_idempotent_call_is_counted_once_and_so_is_its_answer_given_again(url: str) -> None:
    account = make_account(monthly_quota=10, calls_per_minute=4)
    _, secret = make_key(account)
    body = {"email": "jane@ok.test"}
    found = [call(url, secret, "/api/v1/verify", body, **{"Idempotency-Key": "a"}) for _ in range(2)]
    assert [standing(answer)[1] for answer in found] == ["3", "2"]
    refused = call(url, secret, "/api/v1/verify", {"email": "joe@ok.test"}, **{"Idempotency-Key": "a"})
    assert (refused.status_code, standing(refused)[1]) == (422, "1")
    refused = call(url, secret, "/api/v1/verify", {}, **{"Idempotency-Key": "b"})
    assert (refused.status_code, standing(refused)[1]) == (400, "0")
    assert (AccountUsage.objects.get().calls, quota.left(account_id=account.pk)) == (4, 9)


def test_sandbox_keys_have_the_same_rate(url: str) -> None:
    account = make_account(monthly_quota=10, calls_per_minute=2)
    (_, sandbox), (_, live) = make_key(account, KeyKind.SANDBOX), make_key(account)
    found = [call(url, secret, *ROUTES["v2"][:2]) for secret in (sandbox, live, sandbox, live)]
    assert [answer.status_code for answer in found] == [200, 200, 429, 429]


def test_64_clients_of_one_key_are_let_in_and_charged_exactly(url: str) -> None:
    account = make_account(monthly_quota=1_000, calls_per_minute=100)
    _, secret = make_key(account)
    assert call(url, secret, *ROUTES["v2"][:2]).status_code == 200
    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(lambda _: call(url, secret, *ROUTES["v2"][:2]), range(128)))
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [429] * 29
    assert (quota.left(account_id=account.pk), Check.objects.count()) == (900, 100)
    assert LedgerEntry.objects.filter(kind="settle").count() == 100


def test_the_schema_lists_429_where_it_is_answered(url: str) -> None:
    document = json.loads(httpx.get(f"{url}/api/schema?format=json").text)
    without = [
        f"{method} {path}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if "429" not in operation["responses"]
    ]
    assert without == []
