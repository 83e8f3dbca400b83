"""Makes the people and accounts that tests are about; each call gives a fresh one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.domain import accounts, invitations, keys
from accounts.models import Account, AccountConfig, Invitation, KeyKind, LicenseKey, Membership, Role, Scope, User

PASSWORD = "correct horse battery"  # of every made user
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
_number = itertools.count(1)


@cache
def _hashed(password: str) -> str:
    return make_password(password)  # slow by design


def make_user(email: str = "", *, password: str = PASSWORD, confirmed: bool = True, **fields: Any) -> User:
    """Make a person, by default one whose address is confirmed; Any: model fields."""
    user = User.objects.create(
        email=email or f"person{next(_number)}@example.com", password=_hashed(password), **fields
    )
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=confirmed)
    return user


def make_staff(email: str = "") -> User:
    """Make a superuser with the second factor that staff need."""
    return with_factor(make_user(email, is_staff=True, is_superuser=True))


def with_factor(user: User) -> User:
    """Give a person an authenticator app."""
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "JBSWY3DPEHPK3PXP"})
    return user


def make_account(
    name: str = "",
    *,
    owner: User | None = None,
    monthly_quota: int = 1_000,
    status: str = Account.Status.ACTIVE,
    **config: Any,  # Any: toggles and limits of its AccountConfig
) -> Account:
    """Open an account; its owner is made when none is given."""
    slug = f"account-{next(_number)}"
    account = accounts.open_account(
        name=name or slug, slug=slug, owner=owner or make_user(), monthly_quota=monthly_quota
    )
    if status != Account.Status.ACTIVE:
        account.status = status
        account.save(update_fields=["status"])
    if config:
        AccountConfig.objects.filter(account=account, sending_domain="").update(**config)
    return account


def make_member(account: Account, role: str = Role.MEMBER, *, user: User | None = None) -> User:
    """Give an account one more member; answers the person."""
    member = user or make_user()
    Membership.objects.create(account=account, user=member, role=role)
    return member


def make_invitation(
    account: Account | None = None, email: str = "", role: Role = Role.MEMBER, *, now: datetime | None = None
) -> tuple[Invitation, str]:
    """Invite somebody in the name of the owner; answers the invitation and its token."""
    owner = (account or make_account()).memberships.select_related("account", "user").filter(role=Role.OWNER)[0]
    email = email or f"guest{next(_number)}@example.com"
    return invitations.invite(email=email, role=role, actor=owner, now=now or timezone.now())


def make_key(
    account: Account | None = None,
    kind: KeyKind = KeyKind.LIVE,
    *,
    expires_at: datetime | None = None,
    revoked_at: datetime | None = None,
    scopes: Iterable[str] = Scope,
    **rules: Any,  # Any: as create_key takes them
) -> tuple[LicenseKey, str]:
    """Make a key, which may do everything unless told otherwise, and its secret."""
    key, secret = keys.create_key(
        account=account or make_account(), name="A key", kind=kind, actor=None, now=MADE_AT, scopes=scopes, **rules
    )
    if expires_at is not None:
        key.expires_at = expires_at
        key.save(update_fields=["expires_at"])
    if revoked_at is not None:
        keys.revoke(key=key, actor=None, now=revoked_at)
    return key, secret
