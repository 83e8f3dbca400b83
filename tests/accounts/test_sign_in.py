from __future__ import annotations

import re

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD, make_account, make_staff, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "fresh_limits")]
LOGIN = "/accounts/login/"


@pytest.fixture
def fresh_limits() -> None:
    cache.clear()


def sign_in(client: Client, email: str, password: str = PASSWORD) -> tuple[int, str]:
    response = client.post(LOGIN, {"login": email, "password": password})
    return response.status_code, response.headers.get("Location", "")


def test_sign_in_by_address_and_password(client: Client) -> None:
    make_user("jane@example.com")
    assert sign_in(client, "Jane@Example.com") == (302, reverse("home"))
    assert client.session["_auth_user_id"]


def test_the_session_gets_a_new_id(client: Client) -> None:
    make_user("jane@example.com")
    client.get(LOGIN)
    session = client.session
    session["before"] = True
    session.save()
    sign_in(client, "jane@example.com")
    assert client.session.session_key != session.session_key


def test_a_wrong_password_and_an_unknown_address_look_the_same(client: Client) -> None:
    make_user("jane@example.com")
    bodies = []
    for email in ("jane@example.com", "nobody@example.com"):
        response = client.post(LOGIN, {"login": email, "password": "wrong"})
        assert response.status_code == 200
        bodies.append(re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.text.replace(email, "")))
    assert bodies[0] == bodies[1]
    assert "_auth_user_id" not in client.session


def test_an_inactive_person_stays_out(client: Client) -> None:
    make_user("jane@example.com", is_active=False)
    sign_in(client, "jane@example.com")
    assert "_auth_user_id" not in client.session


def test_guessing_is_limited(client: Client) -> None:
    make_user("jane@example.com")
    for _ in range(5):
        assert sign_in(client, "jane@example.com", "wrong") == (200, "")
    response = client.post(LOGIN, {"login": "jane@example.com", "password": PASSWORD})
    assert "Too many failed login attempts" in response.text
    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed(client: Client) -> None:
    response = client.post("/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD})
    assert response.status_code == 200
    assert "opened by invitation" in response.text
    assert "_auth_user_id" not in client.session


def test_password_reset(client: Client) -> None:
    user = make_user("jane@example.com")
    assert client.post("/accounts/password/reset/", {"email": "jane@example.com"}).status_code == 302
    (sent,) = mail.outbox
    assert sent.to == ["jane@example.com"]
    found = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", str(sent.body))
    assert found
    form = client.get(found[1], follow=True)
    new = "battery staple horse"
    client.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    user.refresh_from_db()
    assert user.check_password(new)
    assert sign_in(client, "jane@example.com", new)[0] == 302


def test_password_reset_does_not_tell_who_has_an_account(client: Client) -> None:
    make_user("jane@example.com")
    answers = [
        client.post("/accounts/password/reset/", {"email": email})
        for email in ("jane@example.com", "nobody@example.com")
    ]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, "/accounts/password/reset/done/")
    ] * 2


def test_the_admin_s_sign_in_is_the_portal_s(client: Client) -> None:
    response = client.get("/admin/", follow=True)
    assert response.redirect_chain[-1] == (f"{LOGIN}?next=/admin/", 302)


def test_the_admin_is_for_staff(client: Client) -> None:
    make_account(owner=(owner := make_user()))
    client.force_login(owner)
    assert client.get("/admin/", follow=True).status_code == 403
    client.force_login(make_staff())
    assert client.get("/admin/", follow=True).status_code == 200
    assert client.get("/admin/login/").headers["Location"] == "/admin/"
    assert client.get("/admin/password_change/").headers["Location"] == "/accounts/password/change/"


PAGES = ["password/change/", "email/", "2fa/", "logout/"]


@pytest.mark.parametrize("page", PAGES)
def test_pages_of_a_person(client: Client, page: str) -> None:
    assert client.get(f"/accounts/{page}").status_code == 302
    client.force_login(make_user())
    assert client.get(f"/accounts/{page}").status_code == 200
