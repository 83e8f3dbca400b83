"""Who is let in, and who may do what."""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from accounts.domain import keys, quota_notices
from accounts.domain.admission import Caller, admitting_one
from accounts.domain.moves import run
from accounts.domain.refusals import (
    AccessRefused,
    AccountDisabled,
    KeyExpired,
    KeyMalformed,
    KeyMissing,
    KeyNetwork,
    KeyRevoked,
    KeyUnknown,
    TooManyCalls,
)
from accounts.domain.standing import Standing
from accounts.models import Account, LicenseKey, Membership, Role, User

__all__ = [
    "AccessRefused",
    "AccountDisabled",
    "KeyExpired",
    "KeyMalformed",
    "KeyMissing",
    "KeyNetwork",
    "KeyRevoked",
    "KeyUnknown",
    "NotAMember",
    "Permission",
    "TooManyCalls",
    "account_for",
    "authenticate",
    "let_in",
    "may",
    "secret_in",
]


class NotAMember(Exception):
    """There is no such account, or the person has no place in it; the two are not told apart."""


class Permission(StrEnum):
    """What a member of an account may be allowed."""

    VIEW = "view"
    VIEW_USAGE = "view_usage"
    VERIFY = "verify"
    UPLOAD = "upload"
    EXPORT = "export"
    MANAGE_JOBS = "manage_jobs"
    VIEW_LEDGER = "view_ledger"
    MANAGE_KEYS = "manage_keys"
    MANAGE_WEBHOOKS = "manage_webhooks"
    MANAGE_SUPPRESSION = "manage_suppression"
    MANAGE_DOMAINS = "manage_domains"
    MANAGE_TEAM = "manage_team"
    MANAGE_ACCOUNT = "manage_account"
    TRANSFER_OWNERSHIP = "transfer_ownership"
    CLOSE_ACCOUNT = "close_account"


_LOOK = frozenset({Permission.VIEW, Permission.VIEW_USAGE})
_WORK = _LOOK | {Permission.VERIFY, Permission.UPLOAD, Permission.EXPORT, Permission.MANAGE_JOBS}
_OWN = frozenset({Permission.TRANSFER_OWNERSHIP, Permission.CLOSE_ACCOUNT})

PERMISSIONS: dict[Role, frozenset[Permission]] = {  # explained in docs/permissions.md
    Role.OWNER: frozenset(Permission),
    Role.ADMIN: frozenset(Permission) - _OWN,
    Role.MEMBER: _WORK,
    Role.VIEWER: _LOOK,
}


def may(role: str, permission: Permission) -> bool:
    """Tell whether a role allows something; an unknown role allows nothing."""
    return role in Role.values and permission in PERMISSIONS[Role(role)]


def account_for(*, user: User, slug: str) -> Membership:
    """Give a person's membership with its account.  Raises NotAMember, for closed accounts too."""
    membership = (
        quota_notices.with_standing(Membership.objects.select_related("account"))
        .filter(user=user, account__slug=slug)
        .exclude(account__status=Account.Status.CLOSED)
        .first()
    )
    if membership is None:
        raise NotAMember
    return membership


def authenticate(*, secret: str | None, client: str = "") -> LicenseKey:
    """Give the key, with its account, that a secret opens to a caller at an IP address ("": not known).

    What the key may be used for is for the caller to ask; no call is counted.  Raises a kind of AccessRefused.
    """
    if not secret:
        raise KeyMissing
    keys.check_format(secret)
    used_before = Q(last_used_at=None) | Q(last_used_at__lt=Now() - timedelta(minutes=5))
    digest = keys.digest(secret)
    over = Q(expires_at__isnull=False, expires_at__lte=Now()) | Q(previous_digest=digest, previous_until__lte=Now())
    found: Any = (  # Any: annotated
        LicenseKey.objects.select_related("account")
        .annotate(  # by the database's clock
            is_expired=ExpressionWrapper(over, output_field=BooleanField()),
            use_is_news=ExpressionWrapper(used_before, output_field=BooleanField()),
        )
        .filter(Q(digest=digest) | Q(previous_digest=digest))
        .first()
    )
    if found is None:
        raise KeyUnknown
    key: LicenseKey = found
    if key.revoked_at is not None:
        raise KeyRevoked
    if found.is_expired:
        raise KeyExpired
    if not key.account.is_active:
        raise AccountDisabled
    if not key.takes_calls_from(client):
        raise KeyNetwork
    if found.use_is_news:
        LicenseKey.objects.filter(pk=key.pk).update(last_used_at=Now(), last_used_from=client or None)
    return key


def let_in(*, secret: str, client: str = "") -> tuple[LicenseKey, Standing]:
    """Give the key as `authenticate` does, and count the call.  Raises TooManyCalls, too."""
    keys.check_format(secret)
    admission = run(admitting_one(Caller(keys.digest(secret), client)))
    assert admission.key_id is not None  # who has a secret has a key
    return LicenseKey.objects.select_related("account").get(pk=admission.key_id), admission.standing


def secret_in(*, authorization: str = "", license_key: str = "") -> str | None:
    """Find the key in the headers Authorization (Bearer, Basic) and X-License-Key; None when there is none.

    In Basic the key is the user name or the password.  Raises KeyMalformed for an Authorization header that cannot
    be read and for two keys that differ.
    """
    found = {text for text in (_from_authorization(authorization.strip()), license_key.strip()) if text}
    if len(found) > 1:
        raise KeyMalformed
    return found.pop() if found else None


def _from_authorization(header: str) -> str:
    if not header:
        return ""
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value
    if scheme.lower() == "basic":
        return _from_basic(value)
    raise KeyMalformed


def _from_basic(value: str) -> str:
    """Read the credentials of RFC 7617."""
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise KeyMalformed from None
    if not colon:
        raise KeyMalformed
    return user if user.startswith("evp_") else password or user
