"""What a first start in development brings: somebody to sign in as, an account with quota, and keys to try.

The note with the secrets is written last.  Killed before that, nobody has seen them, and the next start sets new ones.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from django.db import transaction

from accounts.domain import accounts, keys
from accounts.models import Account, KeyKind, LicenseKey, Membership, Role, Scope, User
from portal.postgres_files import write_private

STAFF = "staff@demo.test"
OWNER = "owner@demo.test"
VIEWER = "viewer@demo.test"  # signs in with the owner's password
SLUG = "demo"
MONTHLY_QUOTA = 1_000_000
KEY_NAME = "First start"


@dataclass(frozen=True)
class FirstRun:
    """The content of first-run.json."""

    url: str
    staff_email: str
    staff_password: str
    customer_email: str
    customer_password: str
    license_key: str
    sandbox_key: str


def ensure(*, path: Path, url: str, now: datetime) -> FirstRun:
    """Give what is noted in `path`; make people, account and keys when nothing is."""
    noted = read(path)
    if noted is None:
        noted = make(url=url, now=now)
    elif noted.url == url:
        return noted
    noted = replace(noted, url=url)
    write_private(path, json.dumps(asdict(noted), indent=2) + "\n")
    return noted


def read(path: Path) -> FirstRun | None:
    try:
        return FirstRun(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


@transaction.atomic
def make(*, url: str, now: datetime) -> FirstRun:
    """Make what is missing, with new passwords and keys; keys of an unfinished start are revoked."""
    staff_password, password = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
    staff = person(STAFF, staff_password, is_staff=True, is_superuser=True)
    owner = person(OWNER, password)
    account = Account.objects.filter(slug=SLUG).first() or accounts.open_account(
        name="Demo", slug=SLUG, owner=owner, monthly_quota=MONTHLY_QUOTA
    )
    viewer = person(VIEWER, password)
    Membership.objects.get_or_create(account=account, user=viewer, defaults={"role": Role.VIEWER})
    for unseen in LicenseKey.objects.filter(account=account, name=KEY_NAME, revoked_at=None):
        keys.revoke(key=unseen, actor=staff, now=now)
    _, live = keys.create_key(account=account, name=KEY_NAME, kind=KeyKind.LIVE, actor=owner, now=now, scopes=Scope)
    _, sandbox = keys.create_key(
        account=account, name=KEY_NAME, kind=KeyKind.SANDBOX, actor=owner, now=now, scopes=Scope
    )
    return FirstRun(url, STAFF, staff_password, OWNER, password, live, sandbox)


def person(email: str, password: str, *, is_staff: bool = False, is_superuser: bool = False) -> User:
    user = User.objects.filter(email=email).first()
    user = user or User.objects.create_user(email, is_staff=is_staff, is_superuser=is_superuser)
    user.set_password(password)
    user.save(update_fields=["password"])
    return user
