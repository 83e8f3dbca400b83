"""License keys: how they look, how they are kept, and their beginning and end.

`evp_live_` or `evp_test_`, 32 base32 characters (160 random bits), 6 base32 characters of checksum.  The checksum
tells a typing error from an unknown key without a query.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from datetime import datetime

from django.db import transaction

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.domain.refusals import KeyMalformed
from accounts.models import Account, KeyKind, LicenseKey, User

PREFIXES = {KeyKind.LIVE: "evp_live_", KeyKind.SANDBOX: "evp_test_"}
AUDITED = ("name", "kind", "prefix", "expires_at")
SHOWN_LENGTH = 13  # "evp_live_" and 4 characters: enough to recognise a key by, as in the logs
SHAPE = re.compile(r"(evp_(?:live|test)_[a-z2-7]{32})([a-z2-7]{6})", re.ASCII)


def new_secret(kind: KeyKind) -> str:
    """Make a fresh key of a kind."""
    body = PREFIXES[kind] + base64.b32encode(secrets.token_bytes(20)).decode("ascii").lower()
    return body + _checksum(body)


def check_format(secret: str) -> None:
    """Raise KeyMalformed unless the text could be one of our keys (alphabet, length, checksum)."""
    found = SHAPE.fullmatch(secret)
    if found is None or found[2] != _checksum(found[1]):
        raise KeyMalformed


def digest(secret: str) -> bytes:
    """Give the form a key is kept in: SHA-256, 32 bytes."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


@transaction.atomic
def create_key(
    *, account: Account, name: str, kind: KeyKind, actor: User | None, expires_at: datetime | None = None
) -> tuple[LicenseKey, str]:
    """Make a key of an account and give it with its secret, which cannot be had again."""
    secret = new_secret(kind)
    key = LicenseKey.objects.create(
        account=account,
        name=name,
        kind=kind,
        prefix=secret[:SHOWN_LENGTH],
        digest=digest(secret),
        expires_at=expires_at,
        created_by=actor,
    )
    audit.record(action=Action.KEY_MADE, actor=actor, target=key, account=account, after=audit.snapshot(key, AUDITED))
    return key, secret


@transaction.atomic
def change(*, key: LicenseKey, actor: User | None, fields: tuple[str, ...]) -> None:
    """Save the named columns of a key as they are set now."""
    before = audit.stored(key, fields)
    key.save(update_fields=fields)
    after = audit.snapshot(key, fields)
    if before != after:
        audit.record(
            action=Action.KEY_CHANGED, actor=actor, target=key, account=key.account, before=before, after=after
        )


@transaction.atomic
def revoke(*, key: LicenseKey, actor: User | None, now: datetime) -> None:
    """End a key for good; the first revocation counts."""
    revoked = LicenseKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now, revoked_by=actor)
    if revoked:
        key.revoked_at, key.revoked_by = now, actor
        audit.record(action=Action.KEY_REVOKED, actor=actor, target=key, account=key.account)


def _checksum(body: str) -> str:
    return base64.b32encode(hashlib.sha256(body.encode("ascii")).digest()[:5]).decode("ascii").lower()[:6]
