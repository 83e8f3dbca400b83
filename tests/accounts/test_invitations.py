from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection

from accounts.domain import invitations, team
from accounts.models import Account, Invitation, Membership, Role
from tests.factories import make_account, make_invitation, make_member, make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)
WEEK = timedelta(days=7)


def boss(account: Account) -> Membership:
    return account.memberships.select_related("account", "user").get(role=Role.OWNER)


@pytest.fixture
def account() -> Account:
    return make_account()


def test_invite_and_accept(account: Account) -> None:
    jane = make_user("jane@example.com")
    invitation, token = invitations.invite(email="Jane@Example.com", role=Role.VIEWER, actor=boss(account), now=NOW)
    assert invitations.find(token=token, now=NOW + WEEK - timedelta(seconds=1)) == invitation
    membership = invitations.accept(invitation=invitation, user=jane, now=NOW)
    assert (membership.account, membership.user, membership.role) == (account, jane, "viewer")
    with pytest.raises(invitations.InvitationGone):
        invitations.accept(invitation=invitation, user=jane, now=NOW)


def test_the_token_is_kept_as_a_digest() -> None:
    invitation, token = make_invitation(now=NOW)
    invitation.refresh_from_db()
    assert bytes(invitation.digest) == hashlib.sha256(token.encode()).digest()
    assert token not in repr(Invitation.objects.values())


def test_gone(account: Account) -> None:
    invitation, token = make_invitation(account, now=NOW)
    with pytest.raises(invitations.InvitationGone):
        invitations.find(token="guess", now=NOW)
    with pytest.raises(invitations.InvitationGone):
        invitations.find(token=token, now=NOW + WEEK)
    invitations.revoke(invitation=invitation, actor=None, now=NOW)
    with pytest.raises(invitations.InvitationGone):
        invitations.find(token=token, now=NOW)


def test_a_closed_account_takes_nobody(account: Account) -> None:
    invitation, token = make_invitation(account, "jane@example.com", now=NOW)
    Account.objects.update(status=Account.Status.CLOSED)
    with pytest.raises(invitations.InvitationGone):
        invitations.find(token=token, now=NOW)
    with pytest.raises(invitations.InvitationGone):
        invitations.accept(invitation=invitation, user=make_user("jane@example.com"), now=NOW)


def test_a_suspended_account_invites_nobody(account: Account) -> None:
    actor = boss(account)
    actor.account.status = Account.Status.SUSPENDED
    with pytest.raises(invitations.AccountSuspended):
        invitations.invite(email="jane@example.com", role=Role.VIEWER, actor=actor, now=NOW)


def test_only_for_the_person_who_has_confirmed_the_address(account: Account) -> None:
    invitation, _ = make_invitation(account, "jane@example.com", now=NOW)
    for user in (make_user("joe@example.com"), make_user("jane@example.com", confirmed=False)):
        with pytest.raises(invitations.WrongPerson):
            invitations.accept(invitation=invitation, user=user, now=NOW)
    assert account.memberships.count() == 1


def test_one_open_invitation_an_address(account: Account) -> None:
    first, old = make_invitation(account, "jane@example.com", Role.VIEWER, now=NOW)
    with pytest.raises(invitations.SentJustNow):
        make_invitation(account, "JANE@example.com", now=NOW)
    second, new = make_invitation(account, "JANE@example.com", Role.ADMIN, now=LATER)
    assert (second.pk, second.role, second.expires_at) == (first.pk, "admin", LATER + WEEK)
    assert invitations.find(token=new, now=LATER) == first
    with pytest.raises(invitations.InvitationGone):
        invitations.find(token=old, now=LATER)
    make_invitation(make_account(), "jane@example.com", now=NOW)
    with pytest.raises(IntegrityError, match="invitation_open_once"):
        Invitation.objects.create(
            account=account, email="jane@example.com", role="viewer", digest=b"x", sent_at=NOW, expires_at=NOW
        )


def test_one_that_is_past_its_date_makes_room(account: Account) -> None:
    first, _ = make_invitation(account, "jane@example.com", now=NOW)
    second, token = make_invitation(account, "jane@example.com", now=NOW + WEEK)
    assert second.pk != first.pk
    assert invitations.find(token=token, now=NOW + WEEK) == second


def test_resend(account: Account) -> None:
    invitation, old = make_invitation(account, now=NOW)
    with pytest.raises(invitations.SentJustNow):
        invitations.resend(invitation_id=invitation.pk, account=account, now=NOW)
    renewed, token = invitations.resend(invitation_id=invitation.pk, account=account, now=LATER)
    assert (renewed.sent_count, renewed.expires_at, token != old) == (2, LATER + WEEK, True)
    with pytest.raises(invitations.InvitationGone):
        invitations.resend(invitation_id=invitation.pk, account=make_account(), now=LATER)


def test_members_are_not_invited(account: Account) -> None:
    with pytest.raises(team.AlreadyMember):
        make_invitation(account, make_member(account).email)


def test_nobody_is_invited_as_owner(account: Account) -> None:
    with pytest.raises(team.NotYours):
        make_invitation(account, role=Role.OWNER)
    with pytest.raises(IntegrityError, match="invitation_no_owner"):
        Invitation.objects.create(account=account, role="owner", digest=b"x", sent_at=NOW, expires_at=NOW)


def test_a_member_already_keeps_their_role(account: Account) -> None:
    jane = make_user("jane@example.com")
    invitation, _ = make_invitation(account, "jane@example.com", Role.ADMIN, now=NOW)
    make_member(account, Role.VIEWER, user=jane)
    assert invitations.accept(invitation=invitation, user=jane, now=NOW).role == "viewer"


def test_no_more_than_fifty_are_open(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_OPEN", 2)
    for _ in range(2):
        make_invitation(account, now=NOW)
    with pytest.raises(invitations.TooManyInvitations):
        make_invitation(account, now=NOW)


def test_no_more_than_a_hundred_mails_a_day(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_A_DAY", 1)
    invitation, _ = make_invitation(account, now=NOW)
    with pytest.raises(invitations.TooManyInvitations):
        invitations.resend(invitation_id=invitation.pk, account=account, now=LATER)


@pytest.mark.django_db(transaction=True)
def test_accepted_once_by_two_at_once() -> None:
    user = make_user("jane@example.com")
    invitation, _ = make_invitation(None, "jane@example.com", now=NOW)

    def accept(_: int) -> bool:
        try:
            invitations.accept(invitation=invitation, user=user, now=NOW)
        except invitations.InvitationGone:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(accept, range(4))) == [False, False, False, True]
