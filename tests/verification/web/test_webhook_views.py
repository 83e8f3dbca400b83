from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Account, AccountConfig, Role
from tests.factories import make_account, make_member
from tests.verification.factories import owner_of
from verification.domain.webhooks import deliveries, endpoints
from verification.domain.webhooks.transport import Outcome
from verification.models import WebhookDelivery, WebhookEndpoint, WebhookState

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
URL = "https://hooks.example.com/x"


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


def at(name: str, account: Account, *arguments: object) -> str:
    return reverse(name, args=[account.slug, *arguments])


def shown_secret(page: str) -> str:
    (secret,) = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", page)
    return str(secret)


def test_add_and_see_the_secret_once(client: Client, account: Account) -> None:
    page = client.post(at("webhooks", account), {"url": URL, "events": ["VERIFIED"], "description": "Shop"})
    endpoint = WebhookEndpoint.objects.get()
    assert (page.status_code, shown_secret(page.text)) == (200, endpoints.secret_of(endpoint))
    assert (endpoint.url, endpoint.events, endpoint.description) == (URL, ["VERIFIED"], "Shop")
    listed = client.get(at("webhooks", account)).text
    assert ("Shop</a>" in listed, "whsec_" in listed) == (True, False)


def test_change_renew_switch_and_remove(client: Client, account: Account) -> None:
    endpoint, old = endpoints.create(account=account, url=URL, actor=None)
    own = at("webhook", account, endpoint.pk)
    assert client.get(own).status_code == 200
    client.post(own, {"url": f"{URL}/2", "events": ["PROCESSED", "VERIFIED"], "description": ""})
    renewed = shown_secret(client.post(at("renew_webhook_secret", account, endpoint.pk)).text)
    client.post(at("switch_webhook", account, endpoint.pk), {"to": "off"})
    client.post(at("switch_webhook", account, endpoint.pk), {"to": "off"})  # a double click
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.events, endpoint.state) == (
        *(f"{URL}/2", ["VERIFIED", "PROCESSED"]),
        WebhookState.DISABLED,
    )
    assert endpoints.secret_of(endpoint) == renewed != old
    assert "Switched off by hand." in client.get(own).text
    client.post(at("switch_webhook", account, endpoint.pk), {"to": "on"})
    endpoint.refresh_from_db()
    assert endpoint.state == WebhookState.ACTIVE
    remove = at("remove_webhook", account, endpoint.pk)
    assert "Remove this webhook?" in client.get(remove).text
    client.post(remove)
    assert WebhookEndpoint.objects.count() == 0


@pytest.mark.django_db(transaction=True)  # a delivery is due from the next transaction on
def test_the_log_and_sending_again(client: Client, account: Account) -> None:
    endpoint, _ = endpoints.create(account=account, url=URL, actor=None)
    client.post(at("test_webhook", account, endpoint.pk))
    (claimed,) = deliveries.claim(token=(token := uuid4()), most=1)
    again = at("replay_delivery", account, claimed.id)
    assert "It is on its way at this moment" in client.post(again, follow=True).text
    deliveries.note(delivery=claimed, token=token, outcome=Outcome(500, "The answer was 500.", 7))
    for url in (at("webhooks", account), at("webhook", account, endpoint.pk)):
        assert "Answer 500 after 7 ms. The answer was 500. One try of 8." in " ".join(client.get(url).text.split())
    assert "Nothing was sent yet." in client.get(at("webhooks", account), {"state": "failed"}).text
    client.post(again)
    assert WebhookDelivery.objects.get().tries == 0
    endpoints.disable(endpoint=endpoint, actor=None)
    assert "Its webhook is switched off; switch it on first." in client.post(again, follow=True).text


def test_the_secret_of_jobs(client: Client, account: Account) -> None:
    page = client.post(at("renew_notification_secret", account))
    assert shown_secret(page.text) == endpoints.secret_of(endpoints.notification_secrets(account))


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({}, "This field is required."),
        ({"url": "http://a.example/"}, "The URL must begin with https://."),
        ({"url": "https://127.0.0.1/"}, "This address is not on the internet."),
        ({"url": URL, "events": ["OPENED"]}, "OPENED is not one of the available choices."),
    ],
)
def test_what_is_refused_is_said(
    client: Client, account: Account, settings: Settings, form: dict[str, str], why: str
) -> None:
    settings.WEBHOOKS_ANYWHERE = False
    for url in (
        at("webhooks", account),
        at("webhook", account, endpoints.create(account=account, url=URL, actor=None)[0].pk),
    ):
        answer = client.post(url, form or {"description": "x"})
        assert (answer.status_code, why in answer.text) == (422, True)
    assert list(WebhookEndpoint.objects.values_list("url", flat=True)) == [URL]


def test_no_more_than_may_be_and_none_without_the_feature(client: Client, account: Account) -> None:
    for _ in range(endpoints.MOST):
        endpoints.create(account=account, url=URL, actor=None)
    assert "at most 10 endpoints" in client.post(at("webhooks", account), {"url": URL}).text
    AccountConfig.objects.update_or_create(account=account, defaults={"webhooks": False})
    assert "Webhooks are switched off for this account" in client.post(at("webhooks", account), {"url": URL}).text


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_members_and_viewers_do_not_come_in(client: Client, account: Account, role: Role) -> None:
    endpoint, _ = endpoints.create(account=account, url=URL, actor=None)
    client.force_login(make_member(account, role))
    statuses = {
        client.get(at(name, account, *rest)).status_code
        for name, rest in (("webhooks", []), ("webhook", [endpoint.pk]))
    }
    posts = ("renew_webhook_secret", "test_webhook", "switch_webhook", "remove_webhook")
    statuses |= {client.post(at(name, account, endpoint.pk)).status_code for name in posts}
    assert statuses == {403}
    assert WebhookDelivery.objects.count() == 0


def test_strangers_find_nothing(client: Client, account: Account) -> None:
    endpoint, _ = endpoints.create(account=make_account(), url=URL, actor=None)
    delivery = endpoints.send_test(endpoint=endpoint)
    assert client.get(at("webhook", account, endpoint.pk)).status_code == 404
    posts = ("renew_webhook_secret", "test_webhook", "switch_webhook", "remove_webhook")
    statuses = {client.post(at(name, account, endpoint.pk)).status_code for name in posts}
    statuses.add(client.post(at("replay_delivery", account, delivery.pk)).status_code)
    assert statuses == {404}
    assert WebhookDelivery.objects.count() == 1
