"""What one process writes and reads of the shared pacing, for all organisations at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from psycopg import AsyncConnection
from psycopg.rows import TupleRow, class_row

from verification.domain import pacing_sql as sql
from verification.engine.pacing import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, REFUSALS_BEFORE_PAUSE

GRANT_SECONDS = 30.0

Connection = AsyncConnection[TupleRow]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a process wants of one organisation, and what it saw there since it told last.

    `wanted` connections in all, of which `used` are open; `answered` groups, then `refused` connections.
    """

    organisation: str
    wanted: int
    used: int
    answered: int = 0
    refused: int = 0

    @property
    def keeps_row(self) -> bool:
        return self.wanted > 0 or self.used > 0


@dataclass(frozen=True, slots=True)
class Decision:
    """How many connections a process may have; none while `held` (seconds to come) or `paused` by staff.

    `contended`: others want some, too.  `troubled`: there were refusals, so an answer is worth telling.
    """

    organisation: str
    granted: int
    contended: bool
    troubled: bool
    held: float
    paused: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """One event loop of one process.  `live`: it serves calls, not jobs."""

    per_host: int
    live: bool
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    async def take(self, connection: Connection, wishes: list[Wish]) -> list[Decision]:
        """Tell what was seen, then take, change or give back slots, all in one round trip."""
        names = [wish.organisation for wish in wishes]
        seen = {"names": names, "answered": [wish.answered for wish in wishes], "cap": self.per_host}
        wanted = [min(wish.wanted, self.per_host) for wish in wishes]
        asked = {"names": names, "wanted": wanted, "used": [wish.used for wish in wishes]}
        async with connection.pipeline(), connection.transaction():
            await connection.execute(sql.RELAXED)
            await connection.execute(sql.LOCK, seen)
            if any(wish.refused or wish.answered for wish in wishes):
                await connection.execute(sql.TELL, told(wishes))
            cursor = connection.cursor(row_factory=class_row(Decision))
            await cursor.execute(sql.TAKE, asked | self.values)
            return await cursor.fetchall()

    async def renew(self, connection: Connection) -> set[str]:
        """Renew all grants; gives the organisations of those that had not run out."""
        async with connection.pipeline(), connection.transaction():
            await connection.execute(sql.RELAXED)
            cursor = await connection.execute(sql.RENEW, self.values)
            await connection.execute(sql.EXPIRED)
            return {name for (name,) in await cursor.fetchall()}

    async def leave(self, connection: Connection) -> None:
        """Give everything back."""
        await connection.execute(sql.LEAVE, self.values)

    @property
    def values(self) -> dict[str, object]:
        return {"holder": self.id, "live": self.live, "seconds": GRANT_SECONDS}


async def held(connection: Connection, names: Iterable[str]) -> dict[str, tuple[float, bool]]:
    """Tell which organisations get no connection: for how many seconds, and whether staff paused them."""
    cursor = await connection.execute(sql.HELD, {"names": list(names)})
    return {name: (seconds, paused) for name, seconds, paused in await cursor.fetchall()}


def told(wishes: list[Wish]) -> dict[str, object]:
    telling = [wish for wish in wishes if wish.refused or wish.answered]
    return {
        "names": [wish.organisation for wish in telling],
        "answered": [wish.answered for wish in telling],
        "refused": [wish.refused for wish in telling],
        "refusals": REFUSALS_BEFORE_PAUSE,
        "first": FIRST_PAUSE_SECONDS,
        "longest": LONGEST_PAUSE_SECONDS,
    }
