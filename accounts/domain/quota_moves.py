"""The moves of quota, free of any connection: see moves.py.  Their statements are in quota_sql."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from accounts.domain import quota_sql as sql
from accounts.domain.config import FeatureDisabled
from accounts.domain.moves import Move, Row
from accounts.domain.refusals import AccountDisabled, KeyExpired, KeyNetwork, KeyRevoked, KeyScope, KeyUnknown
from accounts.models import Account, AccountConfig, KeyKind


class QuotaExceeded(Exception):
    """Less is left than needed."""

    def __init__(self, left: int, needed: int) -> None:
        super().__init__(f"Quota of {left} left, {needed} needed")
        self.left = left
        self.needed = needed


class NothingReserved(Exception):
    """A settlement asks for more than its reservation still holds."""

    def __init__(self, held: int, needed: int) -> None:
        super().__init__(f"{held} reserved, {needed} to settle")
        self.held = held
        self.needed = needed


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """A key that was let in, with what a live call needs to know.

    `reservation_id` is None for sandbox keys: nothing was reserved.  `quota_left` is what remains after this call's
    reservation, credits included; `quota_limit` the grant of the period, `resets_at` its end.
    """

    key_id: int
    account_id: int
    hash_key: bytes
    kind: KeyKind
    config: AccountConfig
    reservation_id: int | None
    quota_left: int
    quota_limit: int
    resets_at: datetime


def reserving(account_id: int, amount: int, reference: str, key_id: int | None, ttl_seconds: int | None) -> Move[int]:
    parameters = {
        "account_id": account_id,
        "amount": _not_negative(amount),
        "reference": reference,
        "key_id": key_id,
        "ttl_seconds": ttl_seconds,
    }
    row = yield sql.RESERVE, parameters
    assert row is not None
    if row[1] is None:
        yield from making_period(account_id)
        row = yield sql.RESERVE, parameters
        assert row is not None
    made, period_left, credit_left = row
    if period_left is None:
        raise Account.DoesNotExist(f"no account {account_id}")
    return made or (yield from _made_before(reference, left=period_left + credit_left, needed=amount))


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


def letting_in(
    digest: bytes, amount: int, reference: str, ttl_seconds: int, client: str, scope: str | None
) -> Move[KeyGrant]:
    parameters = {
        "digest": digest,
        "amount": _not_negative(amount),
        "reference": reference,
        "ttl_seconds": ttl_seconds,
        "client": client or None,
        "scope": scope,
    }
    key = _allowed((yield sql.AUTHENTICATE_AND_RESERVE, parameters), scope)
    if key["ends_on"] is None:
        yield from making_period(key["account_id"])
        key = _allowed((yield sql.AUTHENTICATE_AND_RESERVE, parameters), scope)
    reservation = key["reservation_id"]
    if reservation is None and amount and key["kind"] == KeyKind.LIVE:
        reservation = yield from _made_before(reference, left=key["quota_left"], needed=amount)
    if key["use_is_news"]:
        yield sql.NOTE_USE, {"key_id": key["key_id"], "client": client or None}
    return KeyGrant(
        key_id=key["key_id"],
        account_id=key["account_id"],
        hash_key=key["hash_key"],
        kind=KeyKind(key["kind"]),
        config=_config(key),
        reservation_id=reservation,
        quota_left=key["quota_left"],
        quota_limit=key["granted"],
        resets_at=datetime.combine(key["ends_on"], time.min, tzinfo=UTC),
    )


def _allowed(row: Row | None, scope: str | None) -> dict[str, Any]:  # Any: columns of KEY_COLUMNS
    """Give the row by its columns.  Raises a kind of AccessRefused, FeatureDisabled."""
    if row is None:
        raise KeyUnknown
    key = dict(zip(sql.KEY_COLUMNS, row, strict=True))
    if key["is_revoked"]:
        raise KeyRevoked
    if key["is_expired"]:
        raise KeyExpired
    if key["status"] != Account.Status.ACTIVE:
        raise AccountDisabled
    if key["is_afar"]:
        raise KeyNetwork
    if key["lacks_scope"]:
        raise KeyScope(scope or "")
    if not key["verification_api"]:
        raise FeatureDisabled("verification_api")
    return key


def _config(key: dict[str, Any]) -> AccountConfig:  # Any: columns of KEY_COLUMNS
    return AccountConfig(**(key["config"] or {"account_id": key["account_id"]}))


def _made_before(reference: str, *, left: int, needed: int) -> Move[int]:
    found = yield sql.FIND_RESERVATION, {"reference": reference}
    if found is None:
        raise QuotaExceeded(left=left, needed=needed)
    return int(found[0])


def _not_negative(amount: int) -> int:
    if amount < 0:
        raise ValueError(f"{amount} is below 0.")
    return amount
