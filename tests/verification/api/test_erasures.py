from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.test import Client

from accounts.models import Scope
from tests.factories import make_account, make_key
from tests.verification.factories import finish, make_job
from verification.domain import erasures
from verification.domain.sweeper import Sweeper
from verification.models import Erasure, IdempotencyRecord

pytestmark = pytest.mark.django_db(transaction=True)
ROUTE = "/api/v1/erasures"


def post(secret: str, body: object = None, **headers: str) -> Any:  # Any: Django's test response
    body = body if isinstance(body, str) else json.dumps({"email": "jane@ok.test"} if body is None else body)
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"} | headers
    return Client().generic("POST", ROUTE, body, content_type=headers.pop("content-type"), headers=headers)


def get(secret: str, path: str = ROUTE) -> Any:  # Any: Django's test response
    return Client().get(path, headers={"authorization": f"Bearer {secret}"})


def test_an_address_is_erased() -> None:
    key, secret = make_key()
    job = finish(make_job(["jane@ok.test", "joe@ok.test"], key=key))
    answer = post(secret)
    asked = Erasure.objects.get()
    nothing = {"checks": 0, "mentions": 0, "results": 0, "memories": 0, "uploads": 0}
    assert (answer.status_code, answer.json()) == (
        202,
        {
            "id": str(asked.pk),
            "status": "working",
            "hash": asked.hash,
            "requestedTs": asked.requested_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "doneTs": None,
            "erased": nothing,
        },
    )
    Sweeper().erase()
    done = get(secret, f"{ROUTE}/{asked.pk}").json()
    assert (done["status"], done["doneTs"] is not None, done["erased"]) == (
        *("done", True),
        nothing | {"checks": 1, "results": 1},
    )
    results = get(secret, f"/api/v1/jobs/{job.pk}/results").json()["results"]
    assert [result["email"] for result in results] == ["(erased)", "joe@ok.test"]
    assert asked.key == key


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, {"email": ["This field is required."]}),
        ({"email": None}, {"email": ["Must be a string."]}),
        ({"email": ["jane@ok.test"]}, {"email": ["Must be a string."]}),
        ({"email": "jane@ok.test", "why": 1}, {"why": ["There is no such member."]}),
    ],
)
def test_values_that_are_not_valid(body: object, detail: object) -> None:
    answer = post(make_key()[1], body)
    assert (answer.status_code, answer["Content-Type"], answer.json()["errors"]) == (
        *(400, "application/problem+json"),
        detail,
    )


@pytest.mark.parametrize("email", ["", "jane", "jane@ok.test\0", "x" * 5_000])
def test_what_is_no_address(email: str) -> None:
    answer = post(make_key()[1], {"email": email})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["email"])
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ('{"email": ', "End of input at line 1 column 11 path $.email"),
        ("[]", "The body must be a JSON object."),
    ],
)
def test_what_is_no_json(body: str, detail: str) -> None:
    answer = post(make_key()[1], body)
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


@pytest.mark.parametrize("headers", [{"content-type": "text/plain"}, {"content-encoding": "gzip"}])
def test_another_type(headers: dict[str, str]) -> None:
    assert post(make_key()[1], **headers).status_code == 415


def test_a_key_without_the_scope_may_not() -> None:
    _, secret = make_key(scopes=[scope for scope in Scope if scope != Scope.ACCOUNT])
    assert (post(secret).status_code, get(secret).status_code, get(secret, f"{ROUTE}/{uuid4()}").status_code) == (
        *(403, 403),
        403,
    )
    assert not Erasure.objects.exists()


def test_a_stranger_finds_nothing() -> None:
    asked = erasures.ask(account=make_account(), email="jane@ok.test", actor=None)
    _, secret = make_key()
    assert get(secret, f"{ROUTE}/{asked.pk}").status_code == 404
    assert get(secret).json() == {"erasures": [], "next": None}


def test_sent_again_it_is_one() -> None:
    _, secret = make_key()
    first, second = (post(secret, **{"idempotency-key": "a"}) for _ in range(2))
    assert (first.json(), second.status_code) == (second.json(), 202)
    assert "jane" not in IdempotencyRecord.objects.get().answer
    other = post(secret, {"email": "joe@ok.test"}, **{"idempotency-key": "a"})
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    refused = [post(secret, {"email": "x"}, **{"idempotency-key": "b"}) for _ in range(2)]
    assert [(one.status_code, one["Content-Type"]) for one in refused] == [(400, "application/problem+json")] * 2
    long = post(secret, **{"idempotency-key": "a" * 256})
    assert (long.status_code, long.json()["detail"]) == (400, "An Idempotency-Key has 1 to 255 characters.")


def test_so_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "MOST_OPEN", 0)
    answer = post(make_key()[1])
    assert (answer.status_code, answer["Retry-After"], answer["Content-Type"]) == (
        429,
        "60",
        "application/problem+json",
    )


def test_receipts_page_by_page() -> None:
    key, secret = make_key()
    made = [erasures.ask(account=key.account, email=f"user{n}@ok.test", actor=None) for n in range(5)]
    Erasure.objects.filter(pk=made[0].pk).update(requested_at=F("requested_at") - timedelta(days=1))
    found, path = [], f"{ROUTE}?limit=2"
    while path:
        answer = get(secret, path).json()
        found += [one["id"] for one in answer["erasures"]]
        path = answer["next"]
    assert found == [str(one.pk) for one in (*reversed(made[1:]), made[0])]
    assert get(secret, f"{ROUTE}?cursor=x").status_code == 400
