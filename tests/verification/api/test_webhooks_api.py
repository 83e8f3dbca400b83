from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Account, AccountConfig, AuditEntry, Scope
from tests.factories import make_account, make_key
from tests.verification.factories import make_job
from tests.verification.transactions import settled
from verification.domain.webhooks import deliveries, endpoints
from verification.domain.webhooks.signing import PREFIX
from verification.domain.webhooks.transport import Outcome
from verification.models import EventType, WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db
PATH = "/api/v1/webhooks"
URL = "https://hooks.example.com/x"


class Caller:
    """A program with a key of an account."""

    def __init__(self, account: Account, scopes: Iterable[Scope] = Scope) -> None:
        self.key, secret = make_key(account, scopes=scopes)
        self.headers = {"X-License-Key": secret}

    def __call__(self, method: str, path: str = "", body: object = None, **headers: str) -> Any:  # Any: a response
        more = {} if body is None else {"data": body, "content_type": "application/json"}
        return getattr(Client(), method)(f"{PATH}{path}", headers=self.headers | headers, **more)


@pytest.fixture
def account() -> Account:
    return make_account()


@pytest.fixture
def call(account: Account) -> Caller:
    return Caller(account)


def test_from_the_first_to_the_last(call: Caller, account: Account) -> None:
    made = call("post", body={"url": URL, "events": ["PROCESSED", "VERIFIED"], "description": "Shop"})
    assert made.status_code == 201
    document = made.json()
    secret = document.pop("secret")
    assert (secret[: len(PREFIX)], endpoints.secret_of(WebhookEndpoint.objects.get())) == (PREFIX, secret)
    number = document["id"]
    assert document == {
        "id": number,
        "url": URL,
        "description": "Shop",
        "events": ["VERIFIED", "PROCESSED"],
        "active": True,
        "fault": None,
        "failingSinceTs": None,
        "createdTs": document["createdTs"],
    }
    assert call("get").json() == {"webhooks": [document]}
    assert call("get", f"/{number}").json() == document

    changed = call("patch", f"/{number}", {"events": [], "active": False})
    assert (changed.status_code, changed.json()["active"]) == (200, False)
    assert (changed.json()["events"], changed.json()["fault"]) == (EventType.values, "Switched off by hand.")
    assert call("patch", f"/{number}", {"active": True}).json()["fault"] is None

    renewed = call("post", f"/{number}/secret")
    assert (renewed.status_code, endpoints.secret_of(WebhookEndpoint.objects.get())) == (200, renewed.json()["secret"])
    assert renewed.json()["secret"] != secret

    assert call("delete", f"/{number}").status_code == 204
    assert call("get", f"/{number}").status_code == 404
    log = AuditEntry.objects.filter(action__startswith="webhook.").order_by("pk")
    assert list(log.values_list("action", "object_label")) == [
        ("webhook.added", "hooks.example.com"),
        ("webhook.changed", "hooks.example.com"),
        ("webhook.disabled", "hooks.example.com"),
        ("webhook.changed", "hooks.example.com"),
        ("webhook.enabled", "hooks.example.com"),
        ("webhook.changed", "hooks.example.com"),
        ("webhook.removed", "hooks.example.com"),
    ]


def test_the_same_request_again_makes_no_second_one_and_shows_no_secret(call: Caller) -> None:
    first = call("post", body={"url": URL}, **{"Idempotency-Key": "1"})
    again = call("post", body={"url": URL}, **{"Idempotency-Key": "1"})
    assert again.json() == first.json() | {"secret": None}
    assert WebhookEndpoint.objects.count() == 1


def test_the_secret_of_notifications(call: Caller, account: Account) -> None:
    secrets = [call("post", "/notification-secret").json()["secret"] for _ in range(2)]
    kept = endpoints.notification_secrets(account)
    assert endpoints.secret_of(kept) == secrets[1] != secrets[0]
    assert kept.previous_until is not None


@pytest.mark.django_db(transaction=True)  # events are sent once their transaction is over
def test_deliveries_and_once_more(call: Caller, account: Account) -> None:
    number = call("post", body={"url": URL, "events": ["DROPPED"]}).json()["id"]
    job = make_job(["none"], account=account)
    settled()
    deliveries.make()
    sent = call("post", f"/{number}/test")
    assert (sent.status_code, sent.json()["state"], sent.json()["event"]) == (202, "pending", None)

    token = uuid4()
    (claimed,) = [one for one in deliveries.claim(token=token, most=9) if one.slice]
    deliveries.note(delivery=claimed, token=token, outcome=Outcome(500, "The answer was 500.", 7))
    test, event = call("get", "/deliveries").json()["deliveries"]
    assert (test["id"], test["jobId"]) == (sent.json()["id"], None)
    assert event == {
        "id": str(claimed.id),
        "webhookId": number,
        "jobId": str(job.pk),
        "event": "DROPPED",
        "firstSeq": event["firstSeq"],
        "lastSeq": event["firstSeq"],
        "state": "pending",
        "tries": [{"ts": event["tries"][0]["ts"], "status": 500, "error": "The answer was 500.", "ms": 7}],
        "nextTryTs": event["nextTryTs"],
        "createdTs": event["createdTs"],
    }
    assert call("post", f"/deliveries/{test['id']}/replay").status_code == 409  # somebody has it
    again = call("post", f"/deliveries/{event['id']}/replay")
    assert (again.status_code, WebhookDelivery.objects.get(pk=claimed.id).tries) == (202, 0)
    call("patch", f"/{number}", {"active": False})
    off = call("post", f"/deliveries/{event['id']}/replay")
    assert (off.status_code, off.json()["detail"]) == (409, "Its webhook is switched off; switch it on first.")


def test_deliveries_page_by_page(call: Caller) -> None:
    number = call("post", body={"url": URL}).json()["id"]
    sent = [call("post", f"/{number}/test").json()["id"] for _ in range(5)]
    found, query = [], "?limit=2"
    while query:
        page = call("get", f"/deliveries{query}").json()
        found += [one["id"] for one in page["deliveries"]]
        query = (page["next"] or "").rpartition("/deliveries")[2]
    assert found == sent[::-1]
    assert call("get", "/deliveries?state=failed,delivered").json()["deliveries"] == []
    assert len(call("get", f"/deliveries?webhook={number}").json()["deliveries"]) == 5
    assert call("get", f"/deliveries?job={number}").json()["deliveries"] == []


@pytest.mark.parametrize(
    ("body", "member", "why"),
    [
        ({}, "url", "This field is required."),
        ({"url": 1}, "url", "Must be a string."),
        ({"url": "http://a.example/"}, "url", "The URL must begin with https://."),
        ({"url": "https://10.0.0.1/"}, "url", "This address is not on the internet."),
        ({"url": URL, "events": "VERIFIED"}, "events", "Must be an array of strings."),
        ({"url": URL, "events": ["OPENED"]}, "events", "There are no events OPENED."),
        ({"url": URL, "description": "x" * 101}, "description", "Must be printable, with at most 100 characters."),
        ({"url": URL, "description": "a\0"}, "description", "Must be printable, with at most 100 characters."),
        ({"url": URL, "secret": "mine"}, "secret", "There is no such member."),
    ],
)
def test_refused(call: Caller, settings: Settings, body: dict[str, object], member: str, why: str) -> None:
    settings.WEBHOOKS_ANYWHERE = False
    answer = call("post", body=body)
    assert (answer.status_code, answer.json()["errors"]) == (400, {member: [why]})
    assert WebhookEndpoint.objects.count() == 0


def test_active_is_a_flag(call: Caller) -> None:
    number = call("post", body={"url": URL}).json()["id"]
    answer = call("patch", f"/{number}", {"active": "no"})
    assert (answer.status_code, answer.json()["errors"]) == (400, {"active": ["Must be true or false."]})


def test_there_is_an_end_to_endpoints(call: Caller) -> None:
    for _ in range(endpoints.MOST):
        assert call("post", body={"url": URL}).status_code == 201
    refused = call("post", body={"url": URL})
    assert (refused.status_code, refused.json()["code"]) == (409, "TOO_MANY")


def test_without_the_feature_none_is_added(call: Caller, account: Account) -> None:
    AccountConfig.objects.update_or_create(account=account, defaults={"webhooks": False})
    answer = call("post", body={"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (403, "DISABLED_IN_ACCOUNT_CONFIG")


def test_the_scope_is_needed(account: Account) -> None:
    other = Caller(account, [Scope.VERIFY, Scope.JOBS, Scope.RESULTS])
    statuses = {other("get").status_code, other("post", body={"url": URL}).status_code}
    statuses |= {other("get", "/deliveries").status_code, other("post", "/notification-secret").status_code}
    assert statuses == {403}


def test_strangers_see_nothing(call: Caller) -> None:
    number = call("post", body={"url": URL}).json()["id"]
    delivery = call("post", f"/{number}/test").json()["id"]
    stranger = Caller(make_account())
    statuses = [
        stranger("get", f"/{number}").status_code,
        stranger("patch", f"/{number}", {"active": False}).status_code,
        stranger("delete", f"/{number}").status_code,
        stranger("post", f"/{number}/secret").status_code,
        stranger("post", f"/{number}/test").status_code,
        stranger("post", f"/deliveries/{delivery}/replay").status_code,
    ]
    assert statuses == [404] * 6
    assert stranger("get").json() == {"webhooks": []}
    assert stranger("get", "/deliveries").json()["deliveries"] == []
    assert stranger("get", f"/deliveries?webhook={UUID(int=1)}").json()["deliveries"] == []
