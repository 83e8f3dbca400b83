"""License keys: how they look, how they are kept, and their life from making over rotation to revocation.

`evp_live_` or `evp_test_`, 32 base32 characters (160 random bits), 6 base32 characters of checksum.  The checksum
tells a typing error from an unknown key without a query.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.domain import audit
from accounts.domain import key_rules as rules
from accounts.domain.audit import Action
from accounts.domain.config import config_of
from accounts.domain.key_rules import KeyBeyond, KeyFaulty
from accounts.domain.refusals import KeyMalformed
from accounts.models import Account, KeyKind, LicenseKey, User
from accounts.models.key import LicenseKeyQuerySet, usual_scopes

__all__ = [
    "Actor",
    "KeyBeyond",
    "KeyFaulty",
    "KeyMoved",
    "KeyOver",
    "TooManyKeys",
    "change_key",
    "check_format",
    "create_key",
    "digest",
    "end_previous",
    "keys_of",
    "new_secret",
    "require_room",
    "revoke",
    "rotate",
    "seen_by",
]

Actor = User | LicenseKey | None  # a key, where a program acts: then no more is given than that key has

PREFIXES = {KeyKind.LIVE: "evp_live_", KeyKind.SANDBOX: "evp_test_"}
RULES = ("name", "scopes", "allowed_networks", "monthly_cap", "calls_per_minute", "expires_at")
AUDITED = ("kind", "prefix", *RULES)
SHOWN_LENGTH = 13  # "evp_live_" and 4 characters: enough to recognise a key by, as in the logs
SHAPE = re.compile(r"(evp_(?:live|test)_[a-z2-7]{32})([a-z2-7]{6})", re.ASCII)


class KeyOver(Exception):
    """A revoked or expired key cannot be changed or rotated."""


class KeyMoved(Exception):
    """A key was rotated since it was looked at."""


class TooManyKeys(Exception):
    """An account has as many keys in force as its config gives it."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Keys in force are limited to {limit:,} in this account. Revoke one that is not used any more."
        )


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


def keys_of(*, account: Account) -> LicenseKeyQuerySet:
    """Give an account's keys, newest first; `.in_force()` leaves out those that are over."""
    return LicenseKey.objects.of(account).newest_first()


def seen_by(key: LicenseKey) -> LicenseKeyQuerySet:
    """Give the keys that a program with this one may look after, newest first: a sandbox key knows of no live ones."""
    found = keys_of(account=key.account)
    return found if key.kind == KeyKind.LIVE else found.filter(kind=KeyKind.SANDBOX)


@transaction.atomic
def create_key(
    *,
    account: Account,
    name: str,
    kind: KeyKind,
    actor: Actor,
    now: datetime,
    scopes: Iterable[str] | None = None,
    allowed_networks: Iterable[str] = (),
    monthly_cap: int | None = None,
    calls_per_minute: int | None = None,
    expires_at: datetime | None = None,
) -> tuple[LicenseKey, str]:
    """Make a key of an account and give it with its secret, which cannot be had again.

    Without `scopes` it may do all but manage the account.  `monthly_cap` and `calls_per_minute` are its share of what
    the account has.  Raises KeyFaulty, KeyBeyond, TooManyKeys.
    """
    secret = new_secret(kind)
    key = LicenseKey(
        account=account,
        name=rules.read_name(name),
        kind=kind,
        prefix=secret[:SHOWN_LENGTH],
        digest=digest(secret),
        scopes=rules.read_scopes(_scopes_to_give(actor) if scopes is None else scopes),
        allowed_networks=rules.read_networks(allowed_networks),
        monthly_cap=rules.read_limit("monthly_cap", monthly_cap),
        calls_per_minute=rules.read_limit("calls_per_minute", calls_per_minute),
        expires_at=rules.read_expiry(expires_at, now=now),
        created_by=_person(actor),
    )
    if isinstance(actor, LicenseKey):
        rules.require_within(actor, key)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # counts under a lock
    require_room(account=account)
    key.save(force_insert=True)
    audit.record(action=Action.KEY_MADE, actor=actor, target=key, account=account, after=audit.snapshot(key, AUDITED))
    return key, secret


def require_room(*, account: Account) -> None:
    """Raise TooManyKeys unless an account may have one more key."""
    limit = config_of(account).license_keys
    if keys_of(account=account).in_force().count() >= limit:
        raise TooManyKeys(limit)


@transaction.atomic
def change_key(
    *,
    key: LicenseKey,
    actor: Actor,
    name: str,
    scopes: Iterable[str],
    allowed_networks: Iterable[str],
    monthly_cap: int | None,
    calls_per_minute: int | None,
    expires_at: datetime | None,
    now: datetime,
) -> None:
    """Set what a key may do; its secret stays.  Raises KeyFaulty, KeyOver."""
    locked = _in_force(key)
    locked.name = rules.read_name(name)
    locked.scopes = rules.read_scopes(scopes)
    locked.allowed_networks = rules.read_networks(allowed_networks)
    locked.monthly_cap = rules.read_limit("monthly_cap", monthly_cap)
    locked.calls_per_minute = rules.read_limit("calls_per_minute", calls_per_minute)
    locked.expires_at = rules.read_expiry(expires_at, now=now)
    before = audit.stored(locked, RULES)
    _save(locked, key, *RULES)
    _note(Action.KEY_CHANGED, actor, locked, before, RULES)


@transaction.atomic
def rotate(*, key: LicenseKey, actor: Actor, old_until: datetime | None, now: datetime, prefix: str = "") -> str:
    """Give a key a new secret, which cannot be had again; the one before is let in until `old_until` (None: no more).

    One that was still let in from an earlier rotation ends now: where `prefix` says which secret is to be replaced,
    a form that is sent twice does not end the one that programs still use.  Raises KeyFaulty, KeyMoved, KeyBeyond,
    KeyOver.
    """
    locked = _in_force(key)
    if isinstance(actor, LicenseKey) and actor.pk != key.pk:  # the new secret is for the actor to use
        rules.require_within(actor, locked)
    if prefix not in ("", locked.prefix):
        raise KeyMoved
    until = rules.read_overlap(old_until, now=now)
    secret = new_secret(KeyKind(locked.kind))
    locked.previous_prefix = locked.prefix if until else ""
    locked.previous_digest = locked.digest if until else None
    locked.previous_until = until
    locked.prefix = secret[:SHOWN_LENGTH]
    locked.digest = digest(secret)
    shown = ("prefix", "previous_prefix", "previous_until")
    before = audit.stored(locked, shown)
    _save(locked, key, *shown, "digest", "previous_digest")
    _note(Action.KEY_ROTATED, actor, locked, before, shown)
    return secret


@transaction.atomic
def end_previous(*, key: LicenseKey, actor: Actor) -> None:
    """Let the secret before a rotation in no more, from now on."""
    shown = ("previous_prefix", "previous_until")
    before = audit.stored(key, shown)
    key.previous_prefix, key.previous_digest, key.previous_until = "", None, None
    key.save(update_fields=[*shown, "previous_digest"])
    _note(Action.KEY_ROTATED, actor, key, before, shown)


def revoke(*, key: LicenseKey, actor: Actor, now: datetime) -> None:
    """End a key for good; the first revocation counts."""
    person = _person(actor)
    revoked = LicenseKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=now, revoked_by=person)
    if revoked:
        key.revoked_at, key.revoked_by = now, person
        audit.record(action=Action.KEY_REVOKED, actor=actor, target=key, account=key.account)


def _person(actor: Actor) -> User | None:
    return actor if isinstance(actor, User) else None


def _scopes_to_give(actor: Actor) -> list[str]:
    """Give what a key is for when nothing is said: all but managing the account, as far as the giver may."""
    return [scope for scope in usual_scopes() if not isinstance(actor, LicenseKey) or scope in actor.scopes]


def _in_force(key: LicenseKey) -> LicenseKey:
    """Lock a key for a change.  Raises KeyOver."""
    locked = LicenseKey.objects.select_for_update(no_key=True).in_force().filter(pk=key.pk).first()
    if locked is None:
        raise KeyOver
    return locked


def _note(action: Action, actor: Actor, key: LicenseKey, before: dict[str, object], fields: tuple[str, ...]) -> None:
    after = audit.snapshot(key, fields)
    if before != after:
        audit.record(action=action, actor=actor, target=key, account=key.account, before=before, after=after)


def _save(locked: LicenseKey, key: LicenseKey, *fields: str) -> None:
    """Write some fields, and show them on the key that the caller holds."""
    locked.save(update_fields=fields)
    for field in fields:
        setattr(key, field, getattr(locked, field))


def _checksum(body: str) -> str:
    return base64.b32encode(hashlib.sha256(body.encode("ascii")).digest()[:5]).decode("ascii").lower()[:6]
