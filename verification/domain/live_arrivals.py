"""Lets live calls in, and those that an earlier result answers out again: many in one transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg import AsyncConnection

from accounts.domain.admission import Admission, Call, Caller, Refused, admitting, identifying
from accounts.domain.moves import arun
from accounts.models import KeyKind
from verification.domain import do_not_probe, facts, probe_state
from verification.domain import live_sql as sql
from verification.domain.gatherings import Gatherings
from verification.domain.known import digest_of
from verification.domain.live_pool import LivePool
from verification.domain.reuse import Earlier, find_fresh
from verification.domain.text import storable
from verification.engine import Engine
from verification.engine.memory import Memory
from verification.engine.types import Address, Answer

Connection = AsyncConnection[Any]  # Any: whatever its rows are made of
IDENTITIES = 10_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call that comes, and for how many seconds its check is set aside; `started` by the monotonic clock."""

    address: Address
    digest: bytes | None
    reference: str
    ttl_seconds: int
    started: float


@dataclass(frozen=True, slots=True)
class LetIn:
    """A call that was let in; with an earlier result it is charged and in the history already."""

    grant: Admission
    digest: bytes | None
    earlier: Earlier | None = None
    reply: Answer | None = None  # the earlier result, as the answer to this call


@dataclass(frozen=True, slots=True)
class Door:
    """What arrivals that share a transaction have in common."""

    caller: Caller
    account_id: int
    max_age: int


@dataclass(slots=True)
class Doors:
    """Where the calls of one event loop come in."""

    pool: LivePool
    engine: Engine
    _accounts: Memory[bytes, tuple[int, bytes]] = field(default_factory=lambda: Memory(IDENTITIES))
    _crowds: Gatherings[Door, Arrival, LetIn | Refused] = field(init=False)

    def __post_init__(self) -> None:
        self._crowds = Gatherings(self._serve)

    async def enter(
        self, caller: Caller, address: Address, *, reference: str, ttl_seconds: int, started: float, max_age: int
    ) -> LetIn:
        """Let a call in.  Raises a kind of AccessRefused, FeatureDisabled, QuotaExceeded."""
        account_id, hash_key = await self._account_of(caller.digest)
        digest = digest_of(address, hash_key=hash_key)
        door = Door(caller, account_id, max_age if caller.amount else 0)
        arrival = Arrival(address, digest, reference, ttl_seconds, started)
        outcome = await self._crowds.ask(door, arrival)
        if isinstance(outcome, LetIn):
            return outcome
        raise outcome

    async def _account_of(self, digest: bytes) -> tuple[int, bytes]:
        """Give the account of a key, in force or not, and its hash key; neither ever changes.  Raises KeyUnknown."""
        found = self._accounts.get(digest)
        if found is None:
            found = await self.pool.insist(lambda: self._ask_account_of(digest))
            self._accounts.put(digest, found)
        return found

    async def _ask_account_of(self, digest: bytes) -> tuple[int, bytes]:
        async with self.pool.connection() as connection:
            return await arun(connection, identifying(digest))

    async def _serve(self, door: Door, arrivals: Sequence[Arrival]) -> list[LetIn | Refused]:
        return await self.pool.insist(lambda: self._let_in(door, arrivals))

    async def _let_in(self, door: Door, arrivals: Sequence[Arrival]) -> list[LetIn | Refused]:
        """Decide arrivals in one transaction.  Repeated it changes nothing: references are let in once."""
        async with self.pool.connection() as connection, connection.transaction():
            fresh = await self._find_fresh(connection, door, arrivals)
            known = [arrival for arrival in arrivals if arrival.digest in fresh]
            others = [arrival for arrival in arrivals if arrival.digest not in fresh]
            if others:
                await self.look_up(connection, others)
            decided: dict[str, LetIn | Refused] = {}
            for part, at_once in ((known, True), (others, False)):
                if not part:
                    continue
                calls = [Call(arrival.reference, arrival.ttl_seconds) for arrival in part]
                decisions = await arun(connection, admitting(replace(door.caller, at_once=at_once), calls))
                for arrival, decision in zip(part, decisions, strict=True):
                    decided[arrival.reference] = (
                        let_in(arrival, decision, fresh) if isinstance(decision, Admission) else decision
                    )
            reused = [(arrival, decided[arrival.reference]) for arrival in known]
            await keep_history(
                connection,
                [(arrival, one) for arrival, one in reused if isinstance(one, LetIn) and one.reply is not None],
            )
        return [decided[arrival.reference] for arrival in arrivals]

    async def _find_fresh(
        self, connection: Connection, door: Door, arrivals: Sequence[Arrival]
    ) -> Mapping[bytes, Earlier]:
        digests = {arrival.digest for arrival in arrivals if arrival.digest is not None} if door.max_age else set()
        if not digests:
            return {}
        return await find_fresh(connection, account_id=door.account_id, digests=list(digests), max_age=door.max_age)

    async def look_up(self, connection: Connection, arrivals: Sequence[Arrival]) -> None:
        """Have what the engine should know of the addresses that it will be asked for."""
        await do_not_probe.names(connection)
        await probe_state.look(connection)
        domains = {arrival.address.ascii_domain for arrival in arrivals if arrival.digest is not None}
        for domain, probe in (await facts.load(connection, domains)).items():
            self.engine.remember_catch_all(domain, probe)


def let_in(arrival: Arrival, grant: Admission, fresh: Mapping[bytes, Earlier]) -> LetIn:
    """Give an earlier result where it was charged; else the call goes on like any other."""
    earlier = fresh.get(arrival.digest) if arrival.digest is not None else None
    if earlier is None or not grant.charged or grant.kind != KeyKind.LIVE:
        return LetIn(grant, arrival.digest)
    address = arrival.address
    duration = round((time.monotonic() - arrival.started) * 1000)
    reply = earlier.answer(email=address.text, user=address.user, domain=address.domain, duration=duration)
    return LetIn(grant, arrival.digest, earlier, reply)


async def keep_history(connection: Connection, reused: Sequence[tuple[Arrival, LetIn]]) -> None:
    """Keep the rows of calls answered with earlier results, but of those that were let in before: they have theirs."""
    rows = [
        (storable(arrival.address.text), arrival.address.ascii_domain, one.earlier.check_id, one.reply)
        for arrival, one in reused
        if one.earlier is not None and one.reply is not None and not one.grant.again
    ]
    if not rows:
        return
    addresses, domains, sources, replies = zip(*rows, strict=True)
    grant = reused[0][1].grant
    values = {
        "account_id": grant.account_id,
        "key_id": grant.key_id,
        "addresses": list(addresses),
        "domains": list(domains),
        "sources": list(sources),
        "durations": [reply.duration for reply in replies],
        "providers": [reply.evidence.provider for reply in replies],
    }
    await connection.execute(sql.RECORD_ALL_REUSED, values)
