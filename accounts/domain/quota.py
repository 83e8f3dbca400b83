"""Quota: set aside before the work, settled by what the work was worth.  Statements are in quota_sql.

For each account, over the ledger: GRANT + ADJUST - SETTLE - RESET is what is left or set aside, RESERVE - SETTLE -
RELEASE is what is set aside.  RESET is what lapsed with a period: quota_turn.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from psycopg import AsyncConnection

from accounts.domain import audit, quota_notices
from accounts.domain import quota_moves as moves
from accounts.domain import quota_sql as sql
from accounts.domain.audit import Action
from accounts.domain.moves import arun, run
from accounts.domain.quota_moves import Ended, KeyCapReached, NothingReserved, QuotaExceeded
from accounts.models import Account, Credit, LedgerEntry, LedgerKind, QuotaPeriod, User

__all__ = [
    "Ended",
    "KeyCapReached",
    "NothingReserved",
    "QuotaExceeded",
    "aclose_reservation",
    "asettle",
    "close",
    "end_calls",
    "ensure_period",
    "forget_ended_calls",
    "grant",
    "left",
    "release_expired",
    "reserve",
    "set_monthly",
    "settle",
]


def reserve(
    *, account_id: int, amount: int, reference: str, key_id: int | None = None, ttl_seconds: int | None = None
) -> int:
    """Set an amount aside, once per reference, and give the reservation's id.

    Without `ttl_seconds` it is held until it is settled or closed.  With a key it counts on the key's monthly cap.
    Raises QuotaExceeded.
    """
    return run(moves.reserving(account_id, amount, reference, key_id, ttl_seconds))


def settle(*, reference: str, used: int, released: int, entry: str) -> None:
    """Charge `used` and give `released` back, once per ledger reference `entry`.  Raises NothingReserved."""
    run(moves.settling(reference, used, released, entry))


async def asettle(
    connection: AsyncConnection[Any],  # Any: whatever its rows are made of
    *,
    reference: str,
    used: int,
    released: int,
    entry: str,
) -> None:
    """Do as `settle`, in the transaction of an async connection."""
    await arun(connection, moves.settling(reference, used, released, entry))


def close(*, reference: str, entry: str) -> int:
    """Give back what a reservation still holds, and tell how much that was."""
    return run(moves.closing(reference, entry))


async def aclose_reservation(connection: AsyncConnection[Any], *, reference: str, entry: str) -> int:  # Any: its rows
    """Do as `close`, in the transaction of an async connection."""
    return await arun(connection, moves.closing(reference, entry))


async def end_calls(connection: AsyncConnection[Any], calls: Sequence[Ended]) -> None:  # Any: its rows
    """Charge calls of one account that are over, once, in the transaction of an async connection.

    Raises NothingReserved: then it did nothing for some, and the transaction must not be kept.
    """
    await arun(connection, moves.ending(calls))


def left(*, account_id: int) -> int:
    """Tell how much an account may still reserve today."""
    with connection.cursor() as cursor:
        cursor.execute(sql.LEFT, {"account_id": account_id})
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def release_expired() -> int:
    """Close up to 1,000 reservations whose time is over, and tell how much came back."""
    with connection.cursor() as cursor:
        cursor.execute(sql.EXPIRED)
        references = [reference for (reference,) in cursor.fetchall()]
    return sum(close(reference=reference, entry=f"expire:{reference}") for reference in references)


def forget_ended_calls() -> int:
    """Delete up to 5,000 reservations of single checks that hold nothing any more, and tell how many; ledger stays."""
    with connection.cursor() as cursor:
        cursor.execute(sql.FORGET_CALLS)
        return int(cursor.rowcount)


def ensure_period(*, account_id: int) -> None:
    """Make today's period of an account, with its grant, when it is missing."""
    run(moves.making_period(account_id))


@transaction.atomic
def grant(*, account: Account, amount: int, actor: User | None, reason: str) -> None:
    """Give an account prepaid checks, which do not lapse."""
    if amount < 1:
        raise ValueError("A grant is at least 1.")
    Credit.objects.get_or_create(account=account)
    credit = Credit.objects.select_for_update(no_key=True).get(account=account)
    credit.balance += amount
    credit.save(update_fields=["balance"])
    LedgerEntry.objects.create(
        account=account,
        kind=LedgerKind.GRANT,
        amount=amount,
        reference=f"credit:{uuid.uuid4()}",
        actor=actor,
        note=reason,
    )
    quota_notices.lift(account_id=account.pk)
    given = {"amount": amount, "balance": credit.balance}
    audit.record(action=Action.QUOTA_GRANTED, actor=actor, target=account, reason=reason, after=given)


@transaction.atomic
def set_monthly(*, account: Account, amount: int, actor: User | None, reason: str = "") -> None:
    """Change the monthly quota, for the present period too: never below what is used and set aside."""
    ensure_period(account_id=account.pk)
    today = QuotaPeriod.objects.select_for_update(no_key=True).current()
    period = today.get(account=account)
    granted = max(amount, period.used + period.reserved)
    before = audit.stored(account, ["monthly_quota"]) | {"granted_now": period.granted}
    after = {"monthly_quota": amount, "granted_now": granted}
    if before != after:
        audit.record(
            action=Action.QUOTA_CHANGED, actor=actor, target=account, reason=reason, before=before, after=after
        )
    Account.objects.filter(pk=account.pk).update(monthly_quota=amount)
    account.monthly_quota = amount
    if granted == period.granted:
        return
    LedgerEntry.objects.create(
        account=account,
        kind=LedgerKind.ADJUST,
        amount=granted - period.granted,
        reference=f"adjust:{uuid.uuid4()}",
        period=period,
        actor=actor,
        note=reason,
    )
    period.granted = granted
    period.save(update_fields=["granted"])
    quota_notices.lift(account_id=account.pk)
