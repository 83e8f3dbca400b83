from __future__ import annotations

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from django.urls import reverse

from accounts.models import Account, AuditEntry, Role, User
from tests.factories import PASSWORD, make_account, make_member, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
ROLES = [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER]


def signed_in(user: User) -> Client:
    client = Client()
    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return client


def test_change_of_the_name() -> None:
    client = signed_in(user := make_user())
    assert client.post("/you/", {"name": " Ada\r\n Lovelace "}).status_code == 302
    user.refresh_from_db()
    assert user.name == "Ada Lovelace"
    assert client.post("/you/", {"name": "x" * 151}).status_code == 422
    assert client.post("/you/", {"name": "A\0da"}).status_code == 422


def test_fields_cannot_be_forced() -> None:
    client = signed_in(user := make_user())
    client.post("/you/", {"name": "Ada", "email": "root@example.com", "is_staff": "on"})
    user.refresh_from_db()
    assert (user.email == "root@example.com", user.is_staff) == (False, False)


def test_sessions_are_listed_and_others_signed_out() -> None:
    user = make_user()
    here, elsewhere = signed_in(user), signed_in(user)
    assert UserSession.objects.filter(user=user).count() == 2
    assert "Sign out everywhere else" in here.get("/you/").text
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"
    UserSession.objects.filter(user=user).update(user_agent=agent)
    assert 'href="/accounts/sessions/"' in here.get("/you/").text
    page = here.get("/accounts/sessions/").text
    assert page.count(f'<strong title="{agent}">Firefox on Linux</strong>') == 2
    assert page.count("This one") == 1
    here.post("/accounts/sessions/")
    assert elsewhere.get("/you/").status_code == 302
    assert "Sign out everywhere else" not in here.get("/you/").text


def url(account: Account, name: str) -> str:
    return reverse(name, kwargs={"account": account.slug})


@pytest.fixture
def account() -> Account:
    return make_account("Ada & Co")


def person(account: Account, role: Role) -> User:
    return account.memberships.get(role="owner").user if role == Role.OWNER else make_member(account, role)


@pytest.mark.parametrize("role", ROLES)
def test_the_account_s_name(account: Account, role: Role) -> None:
    client = signed_in(person(account, role))
    page = url(account, "account_settings")
    allowed = role in (Role.OWNER, Role.ADMIN)
    assert client.get(page).status_code == (200 if allowed else 403)
    assert client.post(page, {"name": "Ada  Ltd"}).status_code == (302 if allowed else 403)
    account.refresh_from_db()
    assert account.name == ("Ada Ltd" if allowed else "Ada & Co")
    assert AuditEntry.objects.filter(action="account.changed").count() == (1 if allowed else 0)
    if allowed:
        assert ("Close the account" in client.get(page).text) == (role == Role.OWNER)
        assert client.post(page, {"name": " "}).status_code == 422


@pytest.mark.parametrize("role", ROLES)
def test_closing_the_account(account: Account, role: Role) -> None:
    client = signed_in(person(account, role))
    page = url(account, "close_account")
    if role != Role.OWNER:
        assert client.get(page).status_code == client.post(page, {"name": account.name}).status_code == 403
        return
    assert client.get(page)["Location"].startswith("/accounts/reauthenticate/")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get(page).status_code == 200
    assert client.post(page, {"name": "Ada"}).status_code == 422
    assert client.post(page, {"name": "Ada & Co"}, follow=True).redirect_chain[-1][0] == "/"
    account.refresh_from_db()
    assert account.status == "closed"
    assert client.get(url(account, "lists")).status_code == 404
    assert client.get("/").status_code == 200  # the chooser, without it
    (entry,) = AuditEntry.objects.filter(action="account.closed")
    assert entry.reason == "closed by its owner"


def test_mails_are_turned_off_and_on() -> None:
    client = signed_in(user := make_user())
    for sent, wanted in (({}, False), ({"mail_when_done": "on", "is_staff": "on"}, True)):
        assert client.post("/you/mails", sent).status_code == 302
        user.refresh_from_db()
        assert (user.mail_when_done, user.is_staff) == (wanted, False)
