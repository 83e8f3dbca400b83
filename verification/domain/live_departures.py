"""Ends live calls: charges what their answers are worth and keeps these, many in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from accounts.domain import quota
from accounts.domain.admission import Admission
from accounts.domain.quota import Ended
from verification.domain import facts
from verification.domain import live_sql as sql
from verification.domain.gatherings import Gatherings
from verification.domain.live_pool import LivePool
from verification.domain.text import storable, storable_json
from verification.engine.types import Address, Answer

Connection = AsyncConnection[Any]  # Any: whatever its rows are made of


@dataclass(frozen=True, slots=True)
class Departure:
    """A call that has its answer, `checked_at` before where it is an earlier one given again.

    Under its `digest` the answer is remembered, if it is charged.
    """

    grant: Admission
    address: Address
    reference: str
    reply: Answer
    charged: bool
    digest: bytes | None = None
    checked_at: datetime | None = None

    @property
    def entry(self) -> str:
        """The reference in the ledger."""
        return self.reference if self.charged else f"{self.reference}:free"


@dataclass(slots=True)
class Exits:
    """Where the calls of one event loop end; those of one key share transactions."""

    pool: LivePool
    _crowds: Gatherings[tuple[int, int | None], Departure, None] = field(init=False)

    def __post_init__(self) -> None:
        self._crowds = Gatherings(self._serve)

    async def leave(self, departure: Departure) -> None:
        """Charge and keep an answer.  Raises psycopg.Error; NothingReserved when what was set aside has run out."""
        await self._crowds.ask((departure.grant.account_id, departure.grant.key_id), departure)

    async def _serve(self, _key: tuple[int, int | None], departures: Sequence[Departure]) -> list[None]:
        await self.pool.insist(lambda: self._end(departures))
        return [None] * len(departures)

    async def _end(self, departures: Sequence[Departure]) -> None:
        async with self.pool.connection() as connection, connection.transaction():
            await end(connection, departures)


async def end(connection: Connection, departures: Sequence[Departure]) -> None:
    """Charge and keep the answers of one key's calls, once, in the caller's transaction.  Raises NothingReserved."""
    grant = departures[0].grant
    whose = {"account_id": grant.account_id, "key_id": grant.key_id}
    await connection.execute(sql.RECORD_ALL, whose | columns(departures))
    asked = [departure for departure in departures if departure.checked_at is None]
    await facts.keep(connection, {one.address.ascii_domain: one.reply.evidence.catch_all for one in asked})
    await quota.end_calls(connection, [Ended(one.reference, int(one.charged), one.entry) for one in departures])


def columns(departures: Sequence[Departure]) -> dict[str, list[Any]]:  # Any: SQL parameters
    replies = [departure.reply for departure in departures]
    return {
        "entries": [departure.entry for departure in departures],
        "addresses": [storable(departure.address.text) for departure in departures],
        "domains": [departure.address.ascii_domain for departure in departures],
        "digests": [departure.digest if departure.charged else None for departure in departures],
        "charged": [departure.charged for departure in departures],
        "checked_at": [departure.checked_at for departure in departures],
        "results": [reply.verdict.result.value for reply in replies],
        "reasons": [reply.verdict.reason.value for reply in replies],
        "blames": [reply.verdict.blame.value for reply in replies],
        "roles": [reply.role for reply in replies],
        "free": [reply.free for reply in replies],
        "disposable": [reply.disposable for reply in replies],
        "locations": [reply.mail_server_location for reply in replies],
        "durations": [reply.duration for reply in replies],
        "normalized": [storable(reply.normalized) for reply in replies],
        "did_you_mean": [storable(reply.did_you_mean) for reply in replies],
        "evidence": [storable_json(reply.evidence.as_dict()) for reply in replies],
        "providers": [reply.evidence.provider for reply in replies],
    }
