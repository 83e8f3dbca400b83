from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import AccountConfig, FeatureRequest, Role
from tests.factories import make_account, make_member
from tests.verification.factories import owner_of

pytestmark = pytest.mark.django_db


def ask(client: Client, slug: str, feature: str, note: str = "") -> int:
    return client.post(reverse("ask_for_feature", args=[slug]), {"feature": feature, "note": note}).status_code


def test_what_holds_is_shown(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    account = make_account(uploads=False, rows_per_upload=12_345, forbidden_local_parts=["sales"])
    AccountConfig.objects.create(account=account, sending_domain="news.example")
    client.force_login(owner_of(account))
    with django_assert_num_queries(6):
        response = client.get(reverse("features", args=[account.slug]))

    shown = {feature.name: feature for _, features in response.context["groups"] for feature in features}
    assert (shown["uploads"].is_on, shown["exports"].is_on, shown["antivirus"].is_on) == (False, True, False)
    assert (shown["rows_per_upload"].value, shown["forbidden_local_parts"].value) == ("12,345", "sales")
    assert shown["verification_api"].title == "Verification API"
    assert "Jobs in the name of news.example" in response.content.decode()


def test_an_owner_asks(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))

    shown = client.get(reverse("features", args=[account.slug])).content.decode()
    assert shown.count("Ask for it") == shown.count('<span class="badge">Off</span>') == 2
    assert shown.count("Ask for another") == 10
    assert ask(client, account.slug, "antivirus", "attachments") == 302
    assert ask(client, account.slug, "antivirus") == 302
    request = FeatureRequest.objects.get()
    assert (request.account, request.feature, request.note) == (account, "antivirus", "attachments")
    assert "Asked for" in client.get(reverse("features", args=[account.slug])).content.decode()


@pytest.mark.parametrize("feature", ["teleport", "", "x" * 41, "a b"])
def test_what_is_no_feature_is_not_there(client: Client, feature: str) -> None:
    account = make_account()
    client.force_login(owner_of(account))

    assert ask(client, account.slug, feature) == 404
    assert not FeatureRequest.objects.exists()


def test_members_look_and_do_not_ask(client: Client) -> None:
    account = make_account()
    client.force_login(make_member(account, Role.MEMBER))

    assert "Ask for it" not in client.get(reverse("features", args=[account.slug])).content.decode()
    assert ask(client, account.slug, "antivirus") == 403
