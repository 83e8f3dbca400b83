"""Accounts as a whole: opened, suspended, resumed."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Account, AccountConfig, Credit, Membership, Role, User


@transaction.atomic
def open_account(*, name: str, slug: str, owner: User, monthly_quota: int) -> Account:
    """Make an account with its owner, its config row and its (empty) credit."""
    account = Account.objects.create(name=name, slug=slug, monthly_quota=monthly_quota)
    Membership.objects.create(account=account, user=owner, role=Role.OWNER)
    AccountConfig.objects.create(account=account)
    Credit.objects.create(account=account)
    return account


def suspend(*, account: Account) -> None:
    """Stop keys and jobs; the pages stay readable.  Closed accounts stay closed."""
    _move(account, before=Account.Status.ACTIVE, after=Account.Status.SUSPENDED)


def resume(*, account: Account) -> None:
    """Let a suspended account work again."""
    _move(account, before=Account.Status.SUSPENDED, after=Account.Status.ACTIVE)


def _move(account: Account, *, before: Account.Status, after: Account.Status) -> None:
    if Account.objects.filter(pk=account.pk, status=before).update(status=after):
        account.status = after
