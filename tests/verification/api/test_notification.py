"""`notification` of a job request: where its events go, to the letter of the contract."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, AccountConfig, KeyKind
from tests.factories import make_account, make_key
from tests.verification.transactions import settled
from tests.verification.webhooks.receiver import Receiver, receiving
from verification.domain.webhooks.sender import Sender
from verification.models import Job, WebhookEndpoint

URL = "https://hooks.example.com/x"
AT = "notification.endPoint"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def post(secret: str, notification: object, path: str = "/api/v1/jobs") -> Any:  # Any: a response
    body = {"recipients": [{"mail": {"to": [{"email": "none"}]}}], "notification": notification}
    return Client().post(path, json.dumps(body), content_type="application/json", headers={"X-License-Key": secret})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", [KeyKind.LIVE, KeyKind.SANDBOX])
def test_events_are_sent_from_the_first_one_on(receiver: Receiver, kind: KeyKind) -> None:
    _, secret = make_key(make_account(), kind)
    authentication = {"method": "BASIC", "user": "u", "password": "pä"}
    wanted = {"url": receiver.url, "headers": {"X-Shop": "7"}, "authentication": authentication}
    answer = post(secret, {"endPoint": wanted})
    assert (answer.status_code, answer.json()["meta"]["state"]["subType"]) == (202, "PART")

    async def go() -> None:
        sender = Sender()
        await sender.round()
        await sender.settled()
        await sender.aclose()

    settled()
    asyncio.run(go())
    jobs = [json.loads(sent.body)["meta"]["jobId"] for sent in receiver.got]
    assert jobs == [answer.json()["meta"]["jobId"]] * 3
    types = {json.loads(sent.body)["notifications"][0]["meta"]["event"]["type"] for sent in receiver.got}
    assert types == {"STARTED", "DROPPED", "PROCESSED"}
    headers = receiver.got[0].headers
    assert (headers["x-shop"], headers["authorization"]) == ("7", "Basic dTpww6Q=")


@pytest.mark.django_db
def test_what_is_kept_of_it_is_sealed(account: Account) -> None:
    _, secret = make_key(account)
    assert post(secret, {"endPoint": {"url": URL, "headers": {"X-Token": "tell-nobody"}}}).status_code == 202
    kept = WebhookEndpoint.objects.get()
    assert (kept.job, kept.url, kept.account) == (Job.objects.get(), URL, account)
    assert kept.headers is not None
    assert b"tell-nobody" not in bytes(kept.headers)


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/jobs?dryRun=true"])
def test_without_the_feature_it_is_refused(account: Account, path: str) -> None:
    AccountConfig.objects.update_or_create(account=account, defaults={"webhooks": False})
    answer = post(make_key(account)[1], {"endPoint": {"url": URL}}, path)
    state = answer.json()["meta"]["state"]
    assert (answer.status_code, state["subType"]) == (403, "DISABLED_IN_ACCOUNT_CONFIG")
    assert state["description"] == "Feature webhooks is disabled in AccountConfig for this account/domain"
    assert Job.objects.count() == 0


def of(**more: object) -> dict[str, object]:
    return {"endPoint": {"url": URL} | more}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("notification", "status", "sub_type", "description"),
    [
        ([], 400, "INVALID_FORMAT", "Invalid format for notification"),
        ({}, 400, "MISSING_VALUE", f"Missing mandatory value for {AT}"),
        ({"endPoint": "x"}, 400, "INVALID_FORMAT", f"Invalid format for {AT}"),
        ({"endPoint": {}}, 400, "MISSING_VALUE", f"Missing mandatory value for {AT}.url"),
        (of(url=""), 400, "MISSING_VALUE", f"Missing mandatory value for {AT}.url"),
        (of(url=1), 400, "INVALID_FORMAT", f"Invalid format for {AT}.url"),
        (of(url="https://a.example/" + "x" * 1_000), 400, "LIMIT_EXCEEDED", f"Size limit exceeded for {AT}.url"),
        (of(url="http://a.example/"), 403, "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.url"),
        (of(url="https://10.0.0.1/"), 403, "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.url"),
        (of(url="nonsense"), 403, "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.url"),
        (of(headers=[]), 400, "INVALID_FORMAT", f"Invalid format for {AT}.headers"),
        (of(headers={"a": 1}), 400, "INVALID_FORMAT", f"Invalid format for {AT}.headers.a"),
        (of(headers={"a": "x" * 1_001}), 400, "LIMIT_EXCEEDED", f"Size limit exceeded for {AT}.headers.a"),
        (of(headers={f"h{n}": "x" for n in range(21)}), 400, "LIMIT_EXCEEDED", f"Size limit exceeded for {AT}.headers"),
        (of(headers={"a b": "x"}), 400, "INVALID_VALUE", f"Invalid value for {AT}.headers.a b"),
        (of(headers={"a": "x\r\nHost: y"}), 400, "INVALID_VALUE", f"Invalid value for {AT}.headers.a"),
        (of(headers={"Host": "x"}), 403, "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.headers.Host"),
        (of(headers={"Webhook-Id": "x"}), 403, "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.headers.Webhook-Id"),
        (of(authentication="x"), 400, "INVALID_FORMAT", f"Invalid format for {AT}.authentication"),
        (of(authentication={}), 400, "MISSING_VALUE", f"Missing mandatory value for {AT}.authentication.method"),
        (
            *(of(authentication={"method": "DIGEST", "user": "u", "password": "p"}), 400, "INVALID_VALUE"),
            f"Invalid value for {AT}.authentication.method",
        ),
        (
            *(of(authentication={"method": "BASIC", "user": "u"}), 400, "MISSING_VALUE"),
            f"Missing mandatory value for {AT}.authentication.password",
        ),
        (
            *(of(authentication={"method": "BASIC", "user": "u:v", "password": "p"}), 400, "INVALID_VALUE"),
            f"Invalid value for {AT}.authentication.user",
        ),
    ],
)
def test_refused(
    account: Account, settings: Settings, notification: object, status: int, sub_type: str, description: str
) -> None:
    settings.WEBHOOKS_ANYWHERE = False
    answer = post(make_key(account)[1], notification)
    state = answer.json()["meta"]["state"]
    assert (answer.status_code, state["subType"], state["description"]) == (status, sub_type, description)
    assert (Job.objects.count(), WebhookEndpoint.objects.count()) == (0, 0)
