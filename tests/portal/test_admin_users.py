from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import PASSWORD, make_staff, make_user, with_factor
from tests.portal.admin_rows import change_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


def test_add_a_user_who_can_sign_in(page: Client) -> None:
    form = {"email": "New@Example.com", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    assert page.post(reverse("admin:accounts_user_add"), form).status_code == 302
    assert User.objects.get(email="new@example.com").check_password(PASSWORD)


def test_add_a_user_refuses_one_who_is_here(page: Client) -> None:
    make_user("jane@example.com")
    form = {"email": "Jane@example.com", "usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}
    answer = page.post(reverse("admin:accounts_user_add"), form)
    assert list(answer.context["adminform"].form.errors) == ["email"]


@pytest.fixture
def helper(client: Client) -> Client:
    """Signed in as staff who may change users, but is no superuser."""
    user = with_factor(make_user(is_staff=True))
    user.user_permissions.add(*Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client.force_login(user)
    return client


def test_only_superusers_give_powers(helper: Client) -> None:
    user = make_user()
    form = {
        "email": user.email,
        "name": "Jo",
        "is_active": "on",
        "is_staff": "on",
        "is_superuser": "on",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }
    assert helper.post(change_url(user), form).status_code == 302
    user.refresh_from_db()
    assert (user.name, user.is_staff, user.is_superuser) == ("Jo", False, False)


def test_only_superusers_touch_superusers(helper: Client) -> None:
    boss = make_staff()
    assert helper.post(change_url(boss), {"email": "other@example.com"}).status_code == 403
    url = reverse("admin:auth_user_password_change", args=[boss.pk])
    assert helper.post(url, {"password1": "x" * 12, "password2": "x" * 12}).status_code == 403


def test_second_factors_are_taken_away_but_never_shown(page: Client) -> None:
    lost = Authenticator.objects.create(user=make_user(), type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    shown = reverse("admin:mfa_authenticator_change", args=[lost.pk])
    assert page.get(shown).status_code == 200
    assert "JBSWY3DPEHPK3PXP" not in page.get(shown).text
    page.post(reverse("admin:mfa_authenticator_delete", args=[lost.pk]), {"post": "yes"})
    assert not Authenticator.objects.filter(pk=lost.pk).exists()


def test_a_superuser_s_second_factor_is_for_superusers(client: Client) -> None:
    support = with_factor(make_user(is_staff=True))
    wanted = ["view_authenticator", "delete_authenticator"]
    support.user_permissions.add(*Permission.objects.filter(codename__in=wanted))
    client.force_login(support)
    for owner, status in [(make_staff(), 403), (make_user(), 302)]:
        factor = Authenticator.objects.create(user=owner, type="recovery_codes", data={})
        url = reverse("admin:mfa_authenticator_delete", args=[factor.pk])
        assert client.post(url, {"post": "yes"}).status_code == status
