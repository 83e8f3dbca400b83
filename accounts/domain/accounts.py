"""Accounts as a whole: opened, suspended, resumed, closed; each with its line in the audit log."""

from __future__ import annotations

import itertools
import secrets

from django.db import transaction
from django.utils.text import slugify

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, AccountConfig, Credit, Membership, Role, User

ACTIVE, SUSPENDED, CLOSED = Account.Status.ACTIVE, Account.Status.SUSPENDED, Account.Status.CLOSED
SLUG_ROOM = 40  # of 50: a dash and eight digits may follow


@transaction.atomic
def open_account(*, name: str, slug: str, owner: User, monthly_quota: int, actor: User | None = None) -> Account:
    """Make an account with its owner, its config row and its (empty) credit."""
    account = Account.objects.create(name=name, slug=slug, monthly_quota=monthly_quota)
    Membership.objects.create(account=account, user=owner, role=Role.OWNER)
    AccountConfig.objects.create(account=account)
    Credit.objects.create(account=account)
    made = audit.snapshot(account, ["name", "slug", "monthly_quota"]) | {"owner": owner.email}
    audit.record(action=Action.ACCOUNT_OPENED, actor=actor, target=account, after=made)
    return account


def open_own(*, name: str, owner: User, monthly_quota: int) -> Account:
    """Make an account for somebody who signs up; its slug is found by its name."""
    name = " ".join(name.split())
    wanted = slugify(name)[:SLUG_ROOM] or "account"
    slugs = itertools.chain([wanted], (f"{wanted}-{secrets.token_hex(4)}" for _ in itertools.count()))
    slug = next(slug for slug in slugs if not Account.objects.filter(slug=slug).exists())
    return open_account(name=name, slug=slug, owner=owner, monthly_quota=monthly_quota, actor=owner)


def suspend(*, account: Account, actor: User | None = None, reason: str = "") -> None:
    """Stop keys and jobs; the pages stay readable.  Closed accounts stay closed."""
    _move(account, Action.ACCOUNT_SUSPENDED, before=[ACTIVE], after=SUSPENDED, actor=actor, reason=reason)


def resume(*, account: Account, actor: User | None = None, reason: str = "") -> None:
    """Let a suspended account work again."""
    _move(account, Action.ACCOUNT_RESUMED, before=[SUSPENDED], after=ACTIVE, actor=actor, reason=reason)


def close(*, account: Account, actor: User | None = None, reason: str = "") -> None:
    """Stop keys and jobs and hide the pages, for good as far as the account's people go; its rows stay."""
    _move(account, Action.ACCOUNT_CLOSED, before=[ACTIVE, SUSPENDED], after=CLOSED, actor=actor, reason=reason)


@transaction.atomic
def change(*, account: Account, actor: User | None, reason: str = "", **fields: object) -> None:
    """Set columns of an account, such as its name or status; nothing is written when all is as it was."""
    before = audit.stored(account, fields)
    for name, value in fields.items():
        setattr(account, name, value)
    after = audit.snapshot(account, fields)
    if before == after:
        return
    account.save(update_fields=list(fields))
    audit.record(
        action=_named_by_status(before.get("status"), after.get("status")),
        actor=actor,
        target=account,
        reason=reason,
        before=before,
        after=after,
    )


def _named_by_status(before: object, after: object) -> Action:
    """Tell a change of the status by the word that the action for it would write."""
    words = {ACTIVE: Action.ACCOUNT_RESUMED, SUSPENDED: Action.ACCOUNT_SUSPENDED, CLOSED: Action.ACCOUNT_CLOSED}
    return Action.ACCOUNT_CHANGED if before == after else words[Account.Status(str(after))]


@transaction.atomic
def _move(
    account: Account,
    action: Action,
    *,
    before: list[Account.Status],
    after: Account.Status,
    actor: User | None,
    reason: str,
) -> None:
    now = Account.objects.select_for_update(no_key=True).filter(pk=account.pk, status__in=before).first()
    if now is None:
        return
    Account.objects.filter(pk=account.pk).update(status=after)
    account.status = after
    audit.record(
        action=action,
        actor=actor,
        target=account,
        reason=reason,
        before={"status": now.status},
        after={"status": after.value},
    )
