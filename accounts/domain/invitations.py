"""Invitations: made, sent again, taken back, accepted.

TeamRefused
├── InvitationGone        unknown, past its date, accepted or taken back; the four are not told apart
├── WrongPerson
├── TooManyInvitations
└── SentJustNow
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta

from django.apps import apps
from django.db import transaction

from accounts.domain import audit, team
from accounts.domain.audit import Action
from accounts.domain.team import AlreadyMember, NotYours, TeamRefused
from accounts.models import Account, Invitation, Membership, Role, User

VALID = timedelta(days=7)
MOST_OPEN = 50  # of one account
MOST_A_DAY = 100  # mails of one account
PAUSE = timedelta(minutes=1)  # between two mails of one invitation


class InvitationGone(TeamRefused):
    def __init__(self) -> None:
        super().__init__("This invitation is no longer open.")


class WrongPerson(TeamRefused):
    def __init__(self) -> None:
        super().__init__("This invitation is for another address than the one you have confirmed.")


class TooManyInvitations(TeamRefused):
    def __init__(self) -> None:
        super().__init__(
            f"An account may have {MOST_OPEN} open invitations and send {MOST_A_DAY} a day. Take some back, or wait."
        )


class SentJustNow(TeamRefused):
    def __init__(self) -> None:
        super().__init__("The mail was sent less than a minute ago.")


class AccountSuspended(TeamRefused):
    def __init__(self) -> None:
        super().__init__("This account is suspended: nobody can be invited.")


@transaction.atomic
def invite(*, email: str, role: Role, actor: Membership, now: datetime) -> tuple[Invitation, str]:
    """Make an invitation and give it with the token for its mail; one that is past its date is replaced.

    Raises AlreadyMember, NotYours, SentJustNow, TooManyInvitations, AccountSuspended.
    """
    if role not in team.GIVEN:
        raise NotYours
    account, email = actor.account, email.lower()
    team.lock(account)
    _refuse_if_suspended(account)
    if account.memberships.filter(user__email=email).exists():
        raise AlreadyMember
    before = account.invitations.open().filter(email=email).first()
    if before is not None and before.expires_at > now:
        before.role = role
        before.save(update_fields=["role"])
        return _renew(before, now)
    if before is not None:
        revoke(invitation=before, actor=actor.user, now=now)
    _refuse_too_many(account, now)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        account=account,
        email=email,
        role=role,
        digest=digest(token),
        invited_by=actor.user,
        sent_at=now,
        expires_at=now + VALID,
    )
    _note(Action.INVITATION_MADE, invitation, actor.user, {"email": email, "role": role.value})
    return invitation, token


@transaction.atomic
def resend(*, invitation_id: int, account: Account, now: datetime) -> tuple[Invitation, str]:
    """Give an open invitation a new token and seven days more; the old token ends.

    Raises InvitationGone, SentJustNow, TooManyInvitations, AccountSuspended.
    """
    team.lock(account)
    _refuse_if_suspended(account)
    return _renew(open_of(account, invitation_id), now)


def open_of(account: Account, invitation_id: int) -> Invitation:
    """Give an open invitation of an account.  Raises InvitationGone."""
    invitation = account.invitations.open().filter(pk=invitation_id).first()
    if invitation is None:
        raise InvitationGone
    return invitation


@transaction.atomic
def revoke(*, invitation: Invitation, actor: User | None, now: datetime) -> None:
    """Take an invitation back; once it was accepted, nothing happens."""
    if Invitation.objects.open().filter(pk=invitation.pk).update(revoked_at=now):
        _note(Action.INVITATION_WITHDRAWN, invitation, actor, {"email": invitation.email})


def find(*, token: str, now: datetime) -> Invitation:
    """Give the open invitation that a token belongs to.  Raises InvitationGone."""
    rows = Invitation.objects.valid(now).select_related("account", "invited_by")
    invitation = rows.filter(digest=digest(token)).first()
    if invitation is None:
        raise InvitationGone
    return invitation


@transaction.atomic
def accept(*, invitation: Invitation, user: User, now: datetime) -> Membership:
    """Make a person a member.  Raises WrongPerson, InvitationGone; a member already keeps their role."""
    if not has_confirmed(user, invitation.email):
        raise WrongPerson
    team.lock(invitation.account)
    taken = Invitation.objects.valid(now).filter(pk=invitation.pk, digest=invitation.digest)
    if not taken.update(accepted_at=now, accepted_by=user):
        raise InvitationGone
    membership, _ = Membership.objects.get_or_create(
        account=invitation.account, user=user, defaults={"role": invitation.role}
    )
    _note(Action.INVITATION_ACCEPTED, invitation, user, {"email": invitation.email, "role": membership.role})
    return membership


def has_confirmed(user: User, email: str) -> bool:
    """Tell whether a person has shown that an address is theirs."""
    confirmed = apps.get_model("account", "EmailAddress").objects.filter(user=user, verified=True, email=email)
    return bool(confirmed.exists())


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _renew(invitation: Invitation, now: datetime) -> tuple[Invitation, str]:
    if invitation.sent_at > now - PAUSE:
        raise SentJustNow
    _refuse_too_many(invitation.account, now, more=0)
    token = secrets.token_urlsafe(32)
    invitation.digest = digest(token)
    invitation.sent_at, invitation.expires_at = now, now + VALID
    invitation.sent_count += 1
    invitation.save(update_fields=["digest", "sent_at", "expires_at", "sent_count"])
    return invitation, token


def _refuse_too_many(account: Account, now: datetime, *, more: int = 1) -> None:
    still_open = account.invitations.open().count()
    today = account.invitations.filter(sent_at__gt=now - timedelta(days=1))
    sent = sum(today.values_list("sent_count", flat=True))
    if still_open + more > MOST_OPEN or sent >= MOST_A_DAY:
        raise TooManyInvitations


def _note(action: Action, invitation: Invitation, actor: User | None, after: dict[str, str]) -> None:
    audit.record(action=action, actor=actor, target=invitation, account=invitation.account, after=after)


def _refuse_if_suspended(account: Account) -> None:
    if not account.is_active:
        raise AccountSuspended
