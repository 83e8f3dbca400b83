"""Staff look at a customer's pages as one of its people: to see only, for half an hour, in the audit log.

What is noted lies in the staff's own session; the portal's middleware asks `find` at each request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, Membership, User

LASTS = timedelta(minutes=30)
PERMISSION = "accounts.impersonate"
SESSION_KEY = "impersonation"


class MayNotLook(Exception):
    """The words say why."""


@dataclass(frozen=True, slots=True)
class Look:
    """Who looks at whose pages, and until when."""

    staff: User
    person: User
    account: Account
    until: datetime

    def noted(self) -> dict[str, Any]:  # Any: JSON
        """Give what the session keeps."""
        return {"account": self.account.pk, "person": self.person.pk, "until": self.until.timestamp()}


@dataclass(frozen=True, slots=True)
class Over:
    """A look that has ended by itself."""

    account_id: int
    why: str


def may_look(staff: User) -> bool:
    return staff.is_active and staff.is_staff and staff.has_perm(PERMISSION)


def people_of(account: Account) -> QuerySet[User]:
    """Give those of an account whose pages may be looked at: nobody where staff have a place of their own."""
    of_staff = Membership.objects.filter(account=account).filter(Q(user__is_staff=True) | Q(user__is_superuser=True))
    if account.status == Account.Status.CLOSED or of_staff.exists():
        return User.objects.none()
    return User.objects.filter(memberships__account=account, is_active=True, is_staff=False, is_superuser=False)


def start(*, staff: User, account: Account, person: User, reason: str, now: datetime) -> Look:
    """Begin to look, and give what is to be noted in the session.  Raises MayNotLook."""
    _check(staff, account, person)
    look = Look(staff, person, account, now + LASTS)
    until = {"until": look.until.isoformat(timespec="seconds")}
    audit.record(
        action=Action.IMPERSONATION_STARTED, actor=staff, target=person, account=account, reason=reason, after=until
    )
    return look


def find(*, noted: Any, staff: User, now: datetime) -> Look | Over:  # Any: what a session holds
    """Give the look that a session notes; Over, with its line in the audit log, when it is no longer allowed."""
    account = Account.objects.filter(pk=noted["account"]).first()
    person = User.objects.filter(pk=noted["person"]).first()
    until = datetime.fromtimestamp(noted["until"], UTC)
    if account is None or person is None:
        return Over(noted["account"], "The account or the person is gone.")
    look = Look(staff, person, account, until)
    try:
        _check(staff, account, person)
    except MayNotLook as refusal:
        why = str(refusal)
    else:
        if now < until:
            return look
        why = f"After {LASTS.seconds // 60} minutes."
    end(look=look, why=why)
    return Over(account.pk, why)


def end(*, look: Look, why: str) -> None:
    """Note the end; the caller takes it out of the session."""
    audit.record(
        action=Action.IMPERSONATION_ENDED, actor=look.staff, target=look.person, account=look.account, reason=why
    )


def _check(staff: User, account: Account, person: User) -> None:
    if not may_look(staff):
        raise MayNotLook("You may not look at customers' pages.")
    if not people_of(account).filter(pk=person.pk).exists():
        raise MayNotLook("This person's pages are not to be looked at: no active member, or an account of staff.")
