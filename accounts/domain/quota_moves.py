"""The moves of quota, free of any connection: see moves.py.  Their statements are in quota_sql."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.domain import quota_sql as sql
from accounts.domain.admission_sql import MAKE_USAGE
from accounts.domain.moves import Move, Row
from accounts.domain.standing import NOBODY, Standing
from accounts.models import Account


class QuotaExceeded(Exception):
    """Less is left than needed."""

    standing: Standing = NOBODY

    def __init__(self, left: int, needed: int) -> None:
        super().__init__(f"Quota of {left} left, {needed} needed")
        self.left = left
        self.needed = needed


class KeyCapReached(QuotaExceeded):
    """Less is left of a key's own monthly cap than needed; callers are told the same."""


class NothingReserved(Exception):
    """A settlement asks for more than its reservation still holds."""

    def __init__(self, held: int, needed: int) -> None:
        super().__init__(f"{held} reserved, {needed} to settle")
        self.held = held
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Ended:
    """A call that is over, by its reference: what it used, and the ledger's reference for that."""

    reference: str
    used: int
    entry: str


def reserving(account_id: int, amount: int, reference: str, key_id: int | None, ttl_seconds: int | None) -> Move[int]:
    parameters = {
        "account_id": account_id,
        "amount": _not_negative(amount),
        "reference": reference,
        "key_id": key_id,
        "ttl_seconds": ttl_seconds,
    }
    if key_id is not None:
        yield MAKE_USAGE, {"key_id": key_id}
    row = yield sql.RESERVE, parameters
    assert row is not None
    if row[1] is None:
        yield from making_period(account_id)
        row = yield sql.RESERVE, parameters
        assert row is not None
    made, period_left, credit_left, cap_left = row
    if period_left is None:
        raise Account.DoesNotExist(f"no account {account_id}")
    if made:
        return int(made)
    found = yield sql.FIND_RESERVATION, {"reference": reference}
    if found is not None:
        return int(found[0])
    if cap_left is not None and cap_left < amount:
        raise KeyCapReached(left=max(cap_left, 0), needed=amount)
    raise QuotaExceeded(left=period_left + credit_left, needed=amount)


def making_period(account_id: int) -> Move[Row | None]:
    return (yield sql.MAKE_PERIOD, {"account_id": account_id})


def settling(reference: str, used: int, released: int, entry: str) -> Move[None]:
    parameters = {
        "reference": reference,
        "used": _not_negative(used),
        "released": _not_negative(released),
        "entry": entry,
    }
    row = yield sql.SETTLE, parameters
    assert row is not None
    booked, held = row
    if booked:
        return
    if (yield sql.FIND_ENTRY, {"entry": entry}) is None:
        raise NothingReserved(held=held, needed=used + released)


def closing(reference: str, entry: str) -> Move[int]:
    row = yield sql.CLOSE, {"reference": reference, "entry": entry}
    return row[0] if row else 0


def ending(calls: Sequence[Ended]) -> Move[None]:
    """End calls of one account.  Raises NothingReserved when one is charged that holds nothing any more."""
    values = {
        "references": [call.reference for call in calls],
        "used": [_not_negative(call.used) for call in calls],
        "entries": [call.entry for call in calls],
    }
    row = yield sql.END_CALLS, values
    assert row is not None
    under_way = frozenset(row[0])
    missed = [call for call in calls if call.used and call.reference not in under_way]
    if missed:
        row = yield sql.FIND_ENTRIES, {"entries": [call.entry for call in missed]}
        assert row is not None
        if len(row[0]) < len(missed):
            raise NothingReserved(held=0, needed=sum(call.used for call in missed))


def _not_negative(amount: int) -> int:
    if amount < 0:
        raise ValueError(f"{amount} is below 0.")
    return amount
