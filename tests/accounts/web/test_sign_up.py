"""Signing up, by each setting of SIGN_UP, through the mail that is really sent."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.domain import invitations
from accounts.models import Account, Membership, User
from tests.factories import PASSWORD, make_account, make_invitation, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static", "fresh_limits")]
SIGN_UP = "/accounts/signup/"
FORM = {"email": "jane@example.com", "name": "Jane  Doe", "account_name": "Ada & Co", "password1": PASSWORD}


@pytest.fixture
def fresh_limits() -> None:
    cache.clear()


@pytest.fixture
def opened(settings: Settings) -> None:
    settings.SIGN_UP = "open"


def link_in(message: mail.EmailMessage) -> str:
    """Give the path of the link in a mail."""
    (link,) = re.findall(r"^http\S+$", str(message.body), re.MULTILINE)
    return str(urlsplit(link).path)


def signed_in(client: Client) -> str | None:
    return client.session.get("_auth_user_id")


def plain(text: str, *hide: str) -> str:
    text = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text)
    for word in hide:
        text = text.replace(word, "…")
    return text


@pytest.mark.usefixtures("opened")
def test_sign_up_confirm_sign_in(client: Client, settings: Settings) -> None:
    settings.SIGN_UP_QUOTA = 25
    assert client.get(SIGN_UP).status_code == 200
    assert client.post(SIGN_UP, FORM).headers["Location"] == "/accounts/confirm-email/"
    user = User.objects.get(email="jane@example.com")
    assert (user.name, user.is_staff, signed_in(client)) == ("Jane Doe", False, None)
    account = Account.objects.get(memberships__user=user, memberships__role="owner")
    assert (account.name, account.slug, account.monthly_quota) == ("Ada & Co", "ada-co", 25)

    (sent,) = mail.outbox
    assert sent.to == ["jane@example.com"]
    confirm = link_in(sent)
    assert client.get(confirm).status_code == 200
    assert not EmailAddress.objects.get(user=user).verified  # scanners of mail open links, people press buttons
    client.post(confirm)
    assert EmailAddress.objects.get(user=user).verified
    client.post("/accounts/login/", {"login": "jane@example.com", "password": PASSWORD})
    assert signed_in(client) == str(user.pk)


@pytest.mark.usefixtures("opened")
def test_nobody_signs_in_before_the_address_is_confirmed(client: Client) -> None:
    client.post(SIGN_UP, FORM)
    answer = client.post("/accounts/login/", {"login": "jane@example.com", "password": PASSWORD})
    assert (answer.status_code, signed_in(client)) in [(200, None), (302, None)]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"account_name": ""}, "account_name"),
        ({"password1": "short"}, "password1"),
        ({"password1": "password123"}, "password1"),
        ({"account_name": "x" * 201}, "account_name"),
        ({"name": "x" * 151}, "name"),
    ],
)
def test_sign_up_refuses(client: Client, change: dict[str, str], field: str) -> None:
    answer = client.post(SIGN_UP, FORM | change)
    assert list(answer.context["form"].errors) == [field]
    assert not User.objects.exists()


@pytest.mark.usefixtures("opened")
def test_two_accounts_of_one_name_have_two_slugs(client: Client) -> None:
    for name in ("jane", "joe"):
        client.post(SIGN_UP, FORM | {"email": f"{name}@example.com"})
    first, second = Account.objects.order_by("pk")
    assert first.slug == "ada-co"
    assert re.fullmatch(r"ada-co-[0-9a-f]{8}", second.slug)


@pytest.mark.usefixtures("opened")
def test_fields_cannot_be_forced(client: Client) -> None:
    extra = {"is_staff": "on", "is_superuser": "on", "monthly_quota": "1000000", "slug": "mine", "role": "owner"}
    client.post(SIGN_UP, FORM | extra)
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, Account.objects.get().slug) == (False, False, "ada-co")


@pytest.mark.usefixtures("opened")
def test_sign_up_does_not_tell_who_is_here(client: Client) -> None:
    make_user("here@example.com")
    seen = []
    for email in ("here@example.com", "new@example.com"):
        visitor = Client()
        answer = visitor.post(SIGN_UP, FORM | {"email": email})
        after = visitor.get(answer.headers["Location"])
        seen.append((answer.status_code, answer.headers["Location"], plain(after.text, email)))
    assert seen[0] == seen[1]
    assert [message.to for message in mail.outbox] == [["here@example.com"], ["new@example.com"]]
    assert "You are here already" in str(mail.outbox[0].body)
    assert User.objects.filter(email="here@example.com").count() == 1


@pytest.mark.parametrize("setting", ["invitation", "closed"])
def test_sign_up_without_invitation_is_closed(client: Client, settings: Settings, setting: str) -> None:
    settings.SIGN_UP = setting
    for answer in (client.get(SIGN_UP), client.post(SIGN_UP, FORM)):
        assert "opened by invitation" in answer.text
    assert not User.objects.exists()


def test_sign_up_by_invitation(client: Client) -> None:
    account = make_account("Ada & Co")
    _, token = make_invitation(account, "jane@example.com")
    assert "Choose a password and join" in client.get(f"/invitations/{token}").text
    assert client.post(f"/invitations/{token}").headers["Location"] == SIGN_UP
    assert "Join Ada &amp; Co" in client.get(SIGN_UP).text
    client.post(SIGN_UP, {"name": "Jane", "password1": PASSWORD, "email": "other@example.com"})
    user = User.objects.get(name="Jane")
    assert user.email == "jane@example.com"  # the invited one, whatever was sent
    assert signed_in(client) == str(user.pk)  # the mail reached them: nothing is left to confirm
    assert list(Membership.objects.filter(user=user).values_list("account", "role")) == [(account.pk, "member")]
    assert mail.outbox == []
    assert client.get(f"/invitations/{token}").status_code == 404


def test_no_sign_up_by_invitation_where_sign_up_is_closed(client: Client, settings: Settings) -> None:
    settings.SIGN_UP = "closed"
    _, token = make_invitation(None, "jane@example.com")
    client.post(f"/invitations/{token}")
    assert "opened by invitation" in client.get(SIGN_UP).text


def test_an_invitation_taken_back_while_they_typed(client: Client) -> None:
    invitation, token = make_invitation(None, "jane@example.com")
    client.post(f"/invitations/{token}")
    client.get(SIGN_UP)
    invitations.revoke(invitation=invitation, actor=None, now=timezone.now())
    answer = client.post(SIGN_UP, {"name": "Jane", "password1": PASSWORD})
    assert "opened by invitation" in answer.text
    assert not User.objects.filter(email="jane@example.com").exists()


def test_accept_as_somebody_who_is_here(client: Client) -> None:
    jane = make_user("jane@example.com")
    account = make_account()
    _, token = make_invitation(account, "jane@example.com")
    assert "Sign in and join" in client.get(f"/invitations/{token}").text
    client.force_login(jane)
    assert client.post(f"/invitations/{token}").headers["Location"] == f"/a/{account.slug}/"
    assert account.memberships.filter(user=jane, role="member").exists()


def test_an_invitation_is_not_for_whoever_is_signed_in(client: Client) -> None:
    account = make_account()
    _, token = make_invitation(account, "jane@example.com")
    client.force_login(make_user("joe@example.com"))
    assert "You are signed in as joe@example.com" in client.get(f"/invitations/{token}").text
    assert client.post(f"/invitations/{token}").status_code == 422
    assert account.memberships.count() == 1


def test_whoever_guesses_learns_nothing(client: Client) -> None:
    invitation, token = make_invitation()
    nothing = client.get("/invitations/guess")
    invitations.revoke(invitation=invitation, actor=None, now=timezone.now())
    gone = client.get(f"/invitations/{token}")
    assert (gone.status_code, gone.content) == (404, nothing.content) == (404, gone.content)
