from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Account, Invitation, Membership, Role, User
from tests.factories import PASSWORD, make_account, make_invitation, make_member, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
ROLES = [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER]
MANAGERS = (Role.OWNER, Role.ADMIN)


@pytest.fixture
def account() -> Account:
    return make_account("Ada & Co")


def person(account: Account, role: Role) -> User:
    if role == Role.OWNER:
        return account.memberships.select_related("user").get(role=Role.OWNER).user
    return make_member(account, role)


def url(account: Account, name: str, **arguments: object) -> str:
    return reverse(name, kwargs={"account": account.slug, **arguments})


def words(client: Client, account: Account) -> str:
    """Give the messages that the next page shows."""
    page = client.get(url(account, "team")).text
    return " ".join(re.findall(r'<li class="message[^"]*">(.*?)</li>', page))


@pytest.mark.parametrize("role", ROLES)
def test_everybody_sees_the_team_and_managers_its_forms(client: Client, account: Account, role: Role) -> None:
    make_invitation(account, "guest@example.com")
    client.force_login(person(account, role))
    page = client.get(url(account, "team"))
    assert page.status_code == 200
    assert ("Send invitation" in page.text, "guest@example.com" in page.text) == (role in MANAGERS,) * 2
    assert ("Hand over ownership" in page.text) == (role == Role.OWNER)


def test_the_page_asks_the_same_of_one_member_and_of_three(
    client: Client, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(person(account, Role.OWNER))
    with django_assert_num_queries(5):
        client.get(url(account, "team"))
    for _ in range(3):
        make_member(account)
        make_invitation(account)
    with django_assert_num_queries(5):
        client.get(url(account, "team"))


@pytest.mark.parametrize("role", ROLES)
def test_invite(client: Client, account: Account, role: Role) -> None:
    client.force_login(person(account, role))
    answer = client.post(url(account, "invite"), {"email": "Jane@Example.com", "role": "viewer"})
    assert answer.status_code == (302 if role in MANAGERS else 403)
    assert Invitation.objects.count() == len(mail.outbox) == (1 if role in MANAGERS else 0)
    if role in MANAGERS:
        (sent,) = mail.outbox
        assert (sent.to, sent.subject) == (["jane@example.com"], "Join Ada & Co on Candour")
        assert isinstance(sent, EmailMultiAlternatives)
        ((html, kind),) = sent.alternatives
        assert kind == "text/html"
        assert "Ada &amp; Co" in str(html)


@pytest.mark.parametrize(
    "form", [{}, {"email": "nobody", "role": "viewer"}, {"email": "j@example.com", "role": "owner"}]
)
def test_invite_refuses_what_it_cannot_read(client: Client, account: Account, form: dict[str, str]) -> None:
    client.force_login(person(account, Role.OWNER))
    assert client.post(url(account, "invite"), form).status_code == 422
    assert (Invitation.objects.count(), len(mail.outbox)) == (0, 0)


def test_invite_says_who_is_here_already(client: Client, account: Account) -> None:
    client.force_login(person(account, Role.OWNER))
    answer = client.post(url(account, "invite"), {"email": make_member(account).email, "role": "viewer"})
    assert answer.status_code == 422
    assert "This person is a member already." in answer.text


def test_an_invitation_whose_mail_fails_is_kept(client: Client, account: Account, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1
    client.force_login(person(account, Role.OWNER))
    client.post(url(account, "invite"), {"email": "jane@example.com", "role": "viewer"})
    assert "could not be sent" in words(client, account)
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("role", ROLES)
def test_resend_and_revoke(client: Client, account: Account, role: Role) -> None:
    invitation, _ = make_invitation(account, now=timezone.now() - timedelta(hours=1))
    client.force_login(person(account, role))
    for action, status, sent in (("resend_invitation", 302, 1), ("revoke_invitation", 302, 1)):
        answer = client.post(url(account, action, invitation_id=invitation.pk))
        assert answer.status_code == (status if role in MANAGERS else 403)
        assert len(mail.outbox) == (sent if role in MANAGERS else 0)
    invitation.refresh_from_db()
    assert (invitation.revoked_at is not None) == (role in MANAGERS)


@pytest.mark.parametrize("role", ROLES)
def test_change_and_remove_a_member(client: Client, account: Account, role: Role) -> None:
    joe = Membership.objects.get(user=make_member(account))
    client.force_login(person(account, role))
    answer = client.post(url(account, "change_role", member_id=joe.pk), {"role": "viewer"})
    assert answer.status_code == (302 if role in MANAGERS else 403)
    joe.refresh_from_db()
    assert joe.role == ("viewer" if role in MANAGERS else "member")
    assert client.post(url(account, "remove_member", member_id=joe.pk)).status_code == answer.status_code
    assert Membership.objects.filter(pk=joe.pk).exists() == (role not in MANAGERS)


def test_an_admin_cannot_remove_the_owner(client: Client, account: Account) -> None:
    boss = account.memberships.get()
    client.force_login(person(account, Role.ADMIN))
    client.post(url(account, "remove_member", member_id=boss.pk))
    assert "only owners touch owners" in words(client, account)
    assert Membership.objects.filter(pk=boss.pk).exists()


def test_change_role_refuses_an_unknown_one(client: Client, account: Account) -> None:
    joe = Membership.objects.get(user=make_member(account))
    client.force_login(person(account, Role.OWNER))
    for role in ("owner", "cook", ""):
        client.post(url(account, "change_role", member_id=joe.pk), {"role": role})
        assert words(client, account) == "Choose one of the roles."


@pytest.mark.parametrize("role", ROLES)
def test_leave(client: Client, account: Account, role: Role) -> None:
    client.force_login(user := person(account, role))
    client.post(url(account, "leave_account"))
    assert account.memberships.filter(user=user).exists() == (role == Role.OWNER)
    assert client.get(url(account, "lists")).status_code == (200 if role == Role.OWNER else 404)


@pytest.mark.parametrize("role", ROLES)
def test_hand_over_asks_for_the_password_first(client: Client, account: Account, role: Role) -> None:
    jane = Membership.objects.get(user=make_member(account))
    client.force_login(user := person(account, role))
    page = url(account, "transfer_ownership")
    if role != Role.OWNER:
        assert client.get(page).status_code == client.post(page, {"member": jane.pk}).status_code == 403
        return
    for answer in (client.post(page, {"member": jane.pk}), client.get(page)):
        assert answer.headers["Location"] == f"/accounts/reauthenticate/?next={page.replace('/', '%2F')}"
    assert not account.memberships.filter(user=jane.user, role="owner").exists()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.post(page, {"member": ""}).status_code == 422
    assert client.post(page, {"member": jane.pk}).status_code == 302
    assert set(account.memberships.values_list("user", "role")) == {(user.pk, "admin"), (jane.user_id, "owner")}
    assert sorted(message.to[0] for message in mail.outbox) == sorted([user.email, jane.user.email])


def test_strangers_cannot_be_made_owners(client: Client, account: Account) -> None:
    stranger = Membership.objects.get(user=make_member(make_account()))
    client.force_login(person(account, Role.OWNER))
    page = url(account, "transfer_ownership")
    client.post(f"/accounts/reauthenticate/?next={page}", {"password": PASSWORD})
    assert client.post(page, {"member": stranger.pk}).status_code == 422


def test_a_person_in_two_accounts_leaves_one(client: Client, account: Account) -> None:
    user = make_user()
    make_member(account, user=user)
    other = make_account(owner=user)
    client.force_login(user)
    assert client.post(url(account, "leave_account"), follow=True).redirect_chain[-1][0] == url(other, "dashboard")
