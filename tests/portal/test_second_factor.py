"""No admin page without a second factor, where the settings ask for one."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import User
from tests.factories import make_user, with_factor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
PAGES = ["admin:index", "admin:accounts_account_changelist", "admin:password_change"]


@pytest.fixture
def ada(client: Client) -> User:
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("page", PAGES)
def test_staff_without_one_are_led_to_set_one_up(client: Client, page: str) -> None:
    answer = client.get(reverse(page), follow=True)
    assert answer.redirect_chain[-1] == ("/accounts/2fa/", 302)
    assert "Staff pages open once you have a second step" in answer.text


def test_staff_with_one_come_in(client: Client, ada: User) -> None:
    with_factor(ada)
    assert client.get("/admin/").status_code == 200


def test_recovery_codes_alone_are_none(client: Client, ada: User) -> None:
    ada.authenticator_set.create(type="recovery_codes", data={})
    assert client.get("/admin/").status_code == 302


@pytest.mark.usefixtures("ada")
def test_the_setting_lets_development_go_without(client: Client, settings: Settings) -> None:
    settings.STAFF_SECOND_FACTOR = False
    assert client.get("/admin/").status_code == 200


def test_others_are_refused_as_before(client: Client) -> None:
    client.force_login(with_factor(make_user()))
    assert client.get("/admin/", follow=True).status_code == 403
