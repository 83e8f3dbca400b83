from __future__ import annotations

import re
from contextlib import suppress

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.domain import guesses, outbox
from accounts.models import OutgoingMail
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
    assert "Too many tries." in response.text
    assert "_auth_user_id" not in client.session


def attack(email: str) -> None:
    """Guess at an address from many clients, until no unknown device gets through."""
    for number in range(60):
        with suppress(guesses.TooManyGuesses):
            guesses.take(client=f"198.51.100.{number}", email=email, device=None)


def test_strangers_do_not_lock_out_a_browser_that_is_known(client: Client) -> None:
    make_user("jane@example.com")
    sign_in(client, "jane@example.com")
    client.post("/accounts/logout/")
    attack("jane@example.com")
    assert "Too many tries." in Client().post(LOGIN, {"login": "jane@example.com", "password": PASSWORD}).text
    assert sign_in(client, "Jane@example.com")[0] == 302


def test_the_cookie_of_a_browser_helps_its_people_only(client: Client) -> None:
    make_user("joe@example.com")
    make_user("jane@example.com")
    sign_in(client, "joe@example.com")
    client.post("/accounts/logout/")
    attack("jane@example.com")
    assert sign_in(client, "jane@example.com")[0] == 200
    cookie = client.cookies["device"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/accounts/")
    client.cookies["device"] = cookie.value + "x"
    assert sign_in(client, "joe@example.com")[0] == 302  # a spoilt cookie is no cookie


def test_the_mailed_link_lets_in_whoever_has_no_known_browser(client: Client) -> None:
    make_user("jane@example.com")
    attack("jane@example.com")
    new = reset_password(client, "jane@example.com")
    assert sign_in(client, "jane@example.com", new)[0] == 302


def test_an_unknown_browser_is_told_of_by_mail(client: Client) -> None:
    make_user("jane@example.com")
    client.cookies["zone"] = "Asia/Tokyo"  # whoever reads the mail need not be there
    for browser, noted in ((client, 1), (client, 1), (Client(), 2)):
        sign_in(browser, "jane@example.com")
        browser.post("/accounts/logout/")
        assert (OutgoingMail.objects.count(), mail.outbox) == (noted, [])
    assert outbox.send_due() == 2
    assert mail.outbox[0].subject == "New sign-in to Candour"
    text = str(mail.outbox[0].body)
    assert f"When: {timezone.now():%-d %B %Y, %H:}" in text
    assert " UTC\nFrom: 127.0.0.1\nBrowser: A browser\n" in text


def test_an_address_gets_five_reset_mails_in_ten_minutes(client: Client) -> None:
    make_user("jane@example.com")
    for _ in range(7):
        assert client.post("/accounts/password/reset/", {"email": "jane@example.com"}).status_code == 302
    assert len(mail.outbox) == 5


def test_sign_up_is_closed(client: Client) -> None:
    response = client.post("/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD})
    assert response.status_code == 200
    assert "opened by invitation" in response.text
    assert "_auth_user_id" not in client.session


def reset_password(client: Client, email: str) -> str:
    """Choose a new password by the mailed link."""
    assert client.post("/accounts/password/reset/", {"email": email}).status_code == 302
    (sent,) = mail.outbox
    assert sent.to == [email]
    found = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", str(sent.body))
    assert found
    form = client.get(found[1], follow=True)
    new = "battery staple horse"
    client.post(form.redirect_chain[-1][0], {"password1": new, "password2": new})
    return new


def test_password_reset(client: Client) -> None:
    user = make_user("jane@example.com")
    elsewhere = Client()
    sign_in(elsewhere, "jane@example.com")
    mail.outbox.clear()
    new = reset_password(client, "jane@example.com")
    user.refresh_from_db()
    assert user.check_password(new)
    assert elsewhere.get("/you/").status_code == 302  # signed out
    assert elsewhere.get("/you/")["Location"].startswith(LOGIN)
    assert sign_in(client, "jane@example.com", new)[0] == 302


def test_changing_the_password_ends_all_other_sessions(client: Client) -> None:
    make_user("jane@example.com")
    elsewhere = Client()
    for browser in (client, elsewhere):
        sign_in(browser, "jane@example.com")
    new = "battery staple horse"
    form = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/accounts/password/change/", form).status_code == 302
    assert client.get("/you/").status_code == 200
    assert elsewhere.get("/you/")["Location"].startswith(LOGIN)


def test_an_address_is_changed_once_the_new_one_is_confirmed(client: Client) -> None:
    user = make_user("jane@example.com")
    sign_in(client, "jane@example.com")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    mail.outbox.clear()
    client.post("/accounts/email/", {"action_add": "", "email": "new@example.com"})
    (sent,) = mail.outbox
    assert sent.to == ["new@example.com"]
    user.refresh_from_db()
    assert user.email == "jane@example.com"
    found = re.search(r"http://[^/]+(/accounts/confirm-email/\S+)", str(sent.body))
    assert found
    client.post(found[1])
    user.refresh_from_db()
    assert (user.email, user.emailaddress_set.count()) == ("new@example.com", 1)
    assert mail.outbox[-1].to == ["jane@example.com"]  # the old one is told


def test_the_address_of_somebody_else_cannot_be_taken(client: Client) -> None:
    make_user("joe@example.com")
    user = make_user("jane@example.com")
    sign_in(client, "jane@example.com")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/email/", {"action_add": "", "email": "joe@example.com"})
    links = [re.search(r"(/accounts/confirm-email/\S+)", str(sent.body)) for sent in mail.outbox]
    for link in filter(None, links):
        client.post(link[1])
    user.refresh_from_db()
    assert user.email == "jane@example.com"


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
