"""The examples of the OpenAPI description, sent to a server: each is answered with success, as described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from accounts.models import Account
from tests.factories import make_account, make_key
from tests.verification.api.test_fuzz import CHECKS, described
from tests.verification.api.test_live import url
from tests.verification.factories import give_verdict, make_job
from verification.domain import erasures, suppression_list
from verification.domain.webhooks import endpoints
from verification.models import SuppressionSource, WebhookEndpoint

__all__ = ["url"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)
QUERIES = {
    ("GET", "/api/emh/a/v2"): {"e": "someone@ok.test"},
    ("GET", "/api/emh/a/v2/sandbox"): {"e": "someone@ok.test"},
    ("DELETE", "/api/v1/suppressions/{suppression_id}"): {"reason": "asked us"},
}


@dataclass(frozen=True)
class World:
    """A server, and an account with a key that may do everything."""

    url: str
    account: Account
    secret: str

    def path_of(self, names: list[str]) -> dict[str, Any]:  # Any: what stands in a path
        """Give rows of their own to a call: it may end them."""
        made: dict[str, Callable[[], object]] = {
            "job_id": self.job,
            "key_id": lambda: make_key(self.account)[0].pk,
            "erasure_id": self.erasure,
            "key": lambda: self.secret,
            "suppression_id": self.suppression,
            "webhook_id": self.webhook,
            "delivery_id": lambda: endpoints.send_test(endpoint=WebhookEndpoint.objects.get(pk=self.webhook())).pk,
            "email": lambda: "someone@ok.test",
        }
        return {name: made[name]() for name in names}

    def job(self) -> str:
        job = make_job(["jane@ok.test", "joe@ok.test"], key=make_key(self.account)[0])
        give_verdict(job.checks.order_by("pk")[0])
        return str(job.pk)

    def erasure(self) -> str:
        return str(erasures.ask(account=self.account, email="gone@ok.test", actor=None, key=None).pk)

    def webhook(self) -> str:
        WebhookEndpoint.objects.all().delete()  # an account has few
        return str(endpoints.create(account=self.account, url="https://hooks.example.com/", actor=None)[0].pk)

    def suppression(self) -> int:
        entry = suppression_list.entry_of("gone@ok.test")
        actor = make_key(self.account)[0]
        return suppression_list.add(account=self.account, entry=entry, source=SuppressionSource.API, actor=actor)[0].pk


@pytest.fixture
def world(url: str) -> World:
    account = make_account(monthly_quota=1_000, license_keys=1_000)
    return World(url, account, make_key(account)[1])


def document() -> dict[str, Any]:  # Any: JSON
    found: dict[str, Any] = Client().get("/api/schema?format=json").json()
    return found


def operation_ids() -> list[str]:
    return [found["operationId"] for methods in document()["paths"].values() for found in methods.values()]


def examples_of(operation: dict[str, Any]) -> list[tuple[str, Any]]:  # Any: JSON
    """Give the bodies shown, each with its media type."""
    content = operation.get("requestBody", {}).get("content", {})
    return [(kind, one["value"]) for kind, shown in content.items() for one in shown.get("examples", {}).values()]


def test_every_body_has_an_example() -> None:
    operations = [found for methods in document()["paths"].values() for found in methods.values()]
    assert [one["operationId"] for one in operations if "requestBody" in one and not examples_of(one)] == []


def test_examples_are_answered_as_described(world: World) -> None:
    sent = []
    for found in described().get_all_operations():
        operation = found.ok()
        definition = operation.definition.raw
        for kind, body in examples_of(definition) or [("", None)]:
            more = {} if body is None else {"body": body, "media_type": kind}
            case = operation.Case(
                path_parameters=world.path_of([parameter.name for parameter in operation.path_parameters]),
                query=QUERIES.get((operation.method.upper(), operation.path), {}),
                **more,
            )
            headers = {"X-License-Key": world.secret}
            answer = case.call(base_url=world.url, headers=headers)
            sent.append((definition["operationId"], answer.status_code))
            case.validate_response(answer, checks=CHECKS)
    assert [one for one in sent if not 200 <= one[1] < 300] == []
    assert sorted({name for name, _ in sent}) == sorted(operation_ids())
