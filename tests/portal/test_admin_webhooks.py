from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.portal.admin_rows import make_rows
from verification.models import WebhookDelivery, WebhookEndpoint

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


def test_a_delivery_is_sent_again(page: Client, staff: User) -> None:
    make_rows(staff)
    WebhookDelivery.objects.update(state="failed", tries=8)
    url = reverse("admin:verification_webhookdelivery_changelist")
    assert "hooks.example.com" in page.get(url).text
    page.post(url, {"action": "send_again", "_selected_action": str(WebhookDelivery.objects.get().pk)})
    assert WebhookDelivery.objects.values_list("state", "tries").get() == ("pending", 0)


def test_a_delivery_waits_for_its_webhook_to_be_switched_on(page: Client, staff: User) -> None:
    make_rows(staff)
    WebhookDelivery.objects.update(state="failed", tries=8)
    WebhookEndpoint.objects.update(state="disabled", job=None)
    url = reverse("admin:verification_webhookdelivery_changelist")
    chosen = {"action": "send_again", "_selected_action": str(WebhookDelivery.objects.get().pk)}
    assert "1 wait: their webhooks are switched off." in page.post(url, chosen, follow=True).text
    assert WebhookDelivery.objects.values_list("state", "tries").get() == ("failed", 8)


def test_staff_see_of_a_webhook_s_url_the_host_only(page: Client, staff: User) -> None:
    make_rows(staff)
    endpoint = WebhookEndpoint.objects.get()
    for url in (
        reverse("admin:verification_webhookendpoint_changelist"),
        reverse("admin:verification_webhookendpoint_change", args=[endpoint.pk]),
    ):
        text = page.get(url).text
        assert ("hooks.example.com" in text, "hooks.example.com/secret" in text) == (True, False)
