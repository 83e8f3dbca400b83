"""The people of an account: their roles, and how they go.

Every change locks the account's row first, so that two at once see each other; a trigger keeps an account from losing
its last owner whatever else is forgotten (migration 0008).

TeamRefused
├── LastOwner
├── NotYours       of another account, gone, or above the actor's role
├── AlreadyMember
└── …              invitations.py has its own
"""

from __future__ import annotations

from django.db import transaction

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, Membership, Role, User

GIVEN = (Role.ADMIN, Role.MEMBER, Role.VIEWER)  # ownership is handed over by `hand_over` only


class TeamRefused(Exception):
    """A change of the team was refused; `str()` of it is a sentence for the person."""


class LastOwner(TeamRefused):
    def __init__(self) -> None:
        super().__init__("An account needs an owner. Hand the ownership over first.")


class NotYours(TeamRefused):
    def __init__(self) -> None:
        super().__init__("This member is gone, or is an owner: only owners touch owners.")


class AlreadyMember(TeamRefused):
    def __init__(self) -> None:
        super().__init__("This person is a member already.")


def lock(account: Account) -> None:
    """Have changes of an account's team wait for each other until the end of the transaction."""
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)


def may_give(role: str, actor: Membership) -> bool:
    """Tell whether a member may give a role, or take it away."""
    return role in GIVEN or actor.role == Role.OWNER


@transaction.atomic
def change_role(*, membership_id: int, role: Role, actor: Membership) -> Membership:
    """Give a member another role than owner.  Raises LastOwner, NotYours."""
    if role not in GIVEN:
        raise NotYours
    lock(actor.account)
    member = _member(membership_id, actor)
    if member.role == Role.OWNER:
        _refuse_last_owner(member)
    _give(member, role, actor)
    return member


@transaction.atomic
def remove(*, membership_id: int, actor: Membership) -> Membership:
    """Take a member out of the account.  Raises LastOwner, NotYours."""
    lock(actor.account)
    member = _member(membership_id, actor)
    return _take_out(member, actor)


@transaction.atomic
def leave(*, membership: Membership) -> None:
    """Take oneself out.  Raises LastOwner, NotYours."""
    lock(membership.account)
    _take_out(_member(membership.pk, membership), membership)


@transaction.atomic
def hand_over(*, membership_id: int, actor: Membership, stay: bool) -> Membership:
    """Make a member an owner; the actor becomes an admin unless they stay an owner, too.  Raises NotYours."""
    lock(actor.account)
    giver = _member(actor.pk, actor)
    taker = _member(membership_id, actor)
    if giver.role != Role.OWNER or taker.pk == giver.pk:
        raise NotYours
    _give(taker, Role.OWNER, actor)
    if not stay:
        _give(giver, Role.ADMIN, actor)
    return taker


def owners(account: Account) -> list[User]:
    return [member.user for member in account.memberships.filter(role=Role.OWNER).select_related("user")]


def _member(membership_id: int, actor: Membership) -> Membership:
    """Give a member of the actor's account as it is now, if the actor, as they are now, may touch them."""
    rows = Membership.objects.filter(account_id=actor.account_id).select_related("user", "account")
    found = {row.pk: row for row in rows.filter(pk__in=[membership_id, actor.pk])}
    member, present = found.get(membership_id), found.get(actor.pk)
    if member is None or present is None or not may_give(member.role, present):
        raise NotYours
    return member


def _take_out(member: Membership, actor: Membership) -> Membership:
    if member.role == Role.OWNER:
        _refuse_last_owner(member)
    Membership.objects.filter(pk=member.pk).delete()
    _note(Action.MEMBER_REMOVED, member, actor, before={"role": member.role})
    return member


def _refuse_last_owner(member: Membership) -> None:
    others = Membership.objects.filter(account_id=member.account_id, role=Role.OWNER).exclude(pk=member.pk)
    if not others.exists():
        raise LastOwner


def _give(member: Membership, role: Role, actor: Membership) -> None:
    before, member.role = member.role, role
    member.save(update_fields=["role"])
    _note(Action.ROLE_CHANGED, member, actor, before={"role": before}, after={"role": role.value})


def _note(
    action: Action,
    member: Membership,
    actor: Membership,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
) -> None:
    audit.record(action=action, actor=actor.user, target=member.user, account=actor.account, before=before, after=after)
