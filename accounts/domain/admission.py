"""Lets calls in: who they are, what they may, how often, and what they take.  The statement is in admission_sql."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from accounts.domain import admission_sql as sql
from accounts.domain.config import FeatureDisabled
from accounts.domain.moves import Move
from accounts.domain.quota_moves import KeyCapReached, QuotaExceeded, making_period
from accounts.domain.refusals import (
    AccessRefused,
    AccountDisabled,
    KeyExpired,
    KeyNetwork,
    KeyRevoked,
    KeyScope,
    KeyUnknown,
    TooManyCalls,
)
from accounts.domain.standing import Standing
from accounts.models import AccountConfig, KeyKind

Refused = AccessRefused | FeatureDisabled | QuotaExceeded

NOT_LET_IN: dict[str, type[AccessRefused]] = {
    "revoked": KeyRevoked,
    "expired": KeyExpired,
    "disabled": AccountDisabled,
    "network": KeyNetwork,
}
BUSY_SECONDS = 1  # until it is worth asking whether a waiting call has ended


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and for what; calls that are alike in this are let in together.

    `client` is the address they come from, empty where it is not known; `scope` empty when any will do.  Each takes
    `amount`, which is charged `at_once` where the account reuses results, else set aside.  Calls that were let in
    before for the same request are not counted again (`counts`).
    """

    digest: bytes
    client: str = ""
    scope: str = ""
    amount: int = 0
    at_once: bool = False
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One call: its reference in the ledger, and for how long what it sets aside is held."""

    reference: str = ""
    ttl_seconds: int = 0


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that was let in.

    `charged`: its amount is used already; else it is set aside under its reference.  `again`: it was let in before
    under this reference, and took nothing now.
    """

    key_id: int | None  # None: asked from a page
    account_id: int
    kind: KeyKind
    config: AccountConfig
    charged: bool
    again: bool
    standing: Standing


class Identity(NamedTuple):
    """Whose key a secret is, be it in force or not; that never changes."""

    account_id: int
    hash_key: bytes


class Row(NamedTuple):
    """The columns of ADMIT."""

    refusal: str | None
    unfit: str | None
    is_counted: bool
    has_period: bool
    key_id: int
    account_id: int
    kind: str
    config: str | None  # in JSON
    at_once: bool
    key_in: int
    rate_in: int
    busy_in: int
    cap_in: int | None
    quota_in: int | None
    key_limit: int | None
    account_limit: int
    key_open: int | None
    account_open: int
    key_seconds: int
    account_seconds: int
    left: int
    again: list[str]


def identifying(digest: bytes) -> Move[Identity]:
    """Tell whose key a secret is.  Raises KeyUnknown."""
    row = yield sql.IDENTIFY, {"digest": digest}
    if row is None:
        raise KeyUnknown
    return Identity(row[0], bytes(row[1]))


def admitting(caller: Caller, calls: Sequence[Call]) -> Move[list[Admission | Refused]]:
    """Decide calls that come alike, each by itself and in their order."""
    if caller.amount < 0:
        raise ValueError(f"{caller.amount} is below 0.")
    values = {
        "digest": caller.digest,
        "client": caller.client or None,
        "scope": str(caller.scope) or None,
        "amount": caller.amount,
        "at_once": caller.at_once,
        "counts": caller.counts,
        "references": [call.reference for call in calls],
        "ttls": [call.ttl_seconds for call in calls],
    }
    while True:
        columns = yield sql.ADMIT, values
        if columns is None:
            return [KeyUnknown() for _ in calls]
        row = Row(*columns)
        if row.refusal:
            return [NOT_LET_IN[row.refusal]() for _ in calls]
        if row.is_counted and row.has_period:
            return decisions(caller, calls, row)
        if not row.is_counted:
            yield sql.MAKE_USAGE, {"key_id": row.key_id}
        else:
            yield from making_period(row.account_id)


def admitting_one(caller: Caller, call: Call | None = None) -> Move[Admission]:
    """Decide one call.  Raises a kind of AccessRefused, FeatureDisabled, QuotaExceeded."""
    (decision,) = yield from admitting(caller, [call or Call()])
    if isinstance(decision, Admission):
        return decision
    raise decision


@lru_cache(maxsize=1_000)
def config_from(text: str | None, account_id: int) -> AccountConfig:
    """Give the config that a row's JSON holds; whoever gets it shares it with others, and changes nothing in it."""
    return AccountConfig(**(json.loads(text) if text else {"account_id": account_id}))


def decisions(caller: Caller, calls: Sequence[Call], row: Row) -> list[Admission | Refused]:
    config = config_from(row.config, row.account_id)
    kind, before = KeyKind(row.kind), frozenset(row.again)
    decided: list[Admission | Refused] = []
    turn = 0
    for call in calls:
        again = call.reference in before
        turn += not again
        standing = standing_of(caller, row, turn)
        refused = None if again else refusal(caller, row, turn, standing)
        if refused is None:
            charged = row.at_once and caller.amount > 0
            decided.append(Admission(row.key_id, row.account_id, kind, config, charged, again, standing))
        else:
            refused.standing = standing
            decided.append(refused)
    return decided


def refusal(caller: Caller, row: Row, turn: int, standing: Standing) -> Refused | None:
    """Tell what speaks against a call: the first limit that does not reach to its turn."""
    if turn > row.rate_in:
        return TooManyCalls(retry_after=standing.reset_seconds)
    if row.unfit == "scope":
        return KeyScope(caller.scope)
    if row.unfit:
        return FeatureDisabled("verification_api")
    if turn > row.busy_in:
        return TooManyCalls("Too many calls are waiting for mail servers.", retry_after=BUSY_SECONDS)
    if row.cap_in is not None and turn > row.cap_in:
        return KeyCapReached(left=0, needed=caller.amount)
    if row.quota_in is not None and turn > row.quota_in:
        return QuotaExceeded(left=standing.quota_left, needed=caller.amount)
    return None


def standing_of(caller: Caller, row: Row, turn: int) -> Standing:
    """Tell how a caller stands after its turn: by the key's limit or the account's, whichever leaves less."""
    counted = turn if caller.counts else 0
    taken = caller.amount * min(turn, row.quota_in or 0)
    own = [(row.key_open - counted, row.key_limit, row.key_seconds)] if row.key_open is not None else []
    places = [*own, (row.account_open - counted, row.account_limit, row.account_seconds)]
    open_, _, seconds = min(places, key=lambda place: (max(place[0], 0), -place[2]))
    limit = min(limit for _, limit, _ in places if limit is not None)
    return Standing(limit, max(open_, 0), seconds, max(row.left - taken, 0))
