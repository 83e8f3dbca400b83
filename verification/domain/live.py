"""The live check: one address, asked now, answered on the same connection.

A call holds neither a thread nor a database connection while it waits for mail servers.  It sets one check of the
quota aside before the work; what the answer is worth is settled in one transaction with its row of the history.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection, InterfaceError, OperationalError

from accounts.domain import keys, quota
from accounts.domain.admission import Admission, Caller, admitting_one
from accounts.domain.moves import arun
from accounts.domain.quota import QuotaExceeded
from accounts.domain.refusals import AccessRefused
from accounts.domain.standing import Standing
from accounts.models import KeyKind, Scope
from verification.domain import do_not_probe, probe_state, sandbox
from verification.domain.failpoints import failpoint
from verification.domain.flights import Flights
from verification.domain.live_arrivals import Doors, LetIn
from verification.domain.live_departures import Departure, Exits, end
from verification.domain.live_pool import LivePool
from verification.domain.pacing import SharedPacing
from verification.domain.probing import probe_options
from verification.domain.reuse import Earlier, find_fresh
from verification.engine import Engine
from verification.engine.syntax import parse
from verification.engine.types import Address, Answer

RESERVED_SECONDS = 60  # a reservation outlives its call by this, should the process die
SHARED_WITHIN = 0.25  # of max_wait: calls whose ends differ by more do not share a probe


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """`max_wait` and `max_age` in seconds; a `max_age` of 0 asks anew."""

    secret: str = field(repr=False)
    email: str
    max_wait: float = 20.0
    max_age: int = 7_200
    sandbox: bool = False
    client: str = ""  # the caller's IP address
    is_counted: bool = False  # among the calls of the minute, already


@dataclass(frozen=True, slots=True)
class LiveOutcome:
    """The answer, whether it is an earlier one, and how the caller stands after it."""

    answer: Answer
    reused: bool
    standing: Standing
    charged: bool = False
    checked_at: datetime | None = None  # of an earlier answer given again


# Writes what else belongs into the last transaction of a call.
Keep = Callable[[AsyncConnection[Any], LiveOutcome], Awaitable[None]]  # Any: its rows


@dataclass(frozen=True, slots=True)
class Desk:
    """What calls on one event loop share."""

    pool: LivePool
    engine: Engine
    pacing: SharedPacing
    doors: Doors
    exits: Exits
    flights: Flights[Answer] = field(default_factory=Flights)


async def check_one(desk: Desk, request: LiveRequest, *, keep: Keep | None = None) -> LiveOutcome:
    """Answer a call.  A cancelled one charges nothing.

    Raises a kind of AccessRefused, FeatureDisabled, QuotaExceeded; psycopg.Error when the database is away.
    """
    started = time.monotonic()
    reference = f"live:{uuid.uuid4()}"
    try:
        return await answer(desk, request, reference, started, keep)
    except asyncio.CancelledError:
        await to_its_end(release(desk.pool, reference))
        raise


async def who_asks(desk: Desk, secret: str, client: str) -> Admission:
    """Let a call in that takes nothing.  Raises a kind of AccessRefused."""
    async with desk.pool.connection() as connection:
        return await arun(connection, admitting_one(Caller(keys.digest(secret), client)))


async def answer(
    desk: Desk, request: LiveRequest, reference: str, started: float, keep: Keep | None = None
) -> LiveOutcome:
    address = parse(request.email)
    entered = await enter(desk, request, address, reference, started, at_once=keep is None)
    grant = entered.grant
    if entered.earlier is not None and entered.reply is not None:
        checked_at = entered.earlier.checked_at
        return LiveOutcome(entered.reply, True, grant.standing, charged=True, checked_at=checked_at)
    if request.sandbox or grant.kind == KeyKind.SANDBOX:
        outcome = LiveOutcome(made_up(request.email, grant.standing), reused=False, standing=grant.standing)
        if keep is not None:
            async with desk.pool.connection() as connection:
                await keep(connection, outcome)
        return outcome
    failpoint("live_admitted")
    earlier = await find_earlier(desk, request, entered) if keep is not None else None
    if earlier is not None:
        duration = milliseconds_since(started)
        reply = earlier.answer(email=address.text, user=address.user, domain=address.domain, duration=duration)
        outcome = LiveOutcome(reply, True, grant.standing, charged=True, checked_at=earlier.checked_at)
        departure = Departure(grant, address, reference, reply, charged=True, checked_at=earlier.checked_at)
        await to_its_end(depart(desk, departure, outcome, keep))
        return outcome
    ends_at = started + request.max_wait
    reply = as_supplied(await probe(desk, grant, address, ends_at, request.max_wait), address)
    failpoint("live_before_settle")
    free = reply.verdict.blame.is_ours
    standing = replace(grant.standing, quota_left=grant.standing.quota_left + free)
    outcome = LiveOutcome(reply, False, standing, charged=not free)
    departure = Departure(grant, address, reference, reply, charged=not free, digest=entered.digest)
    await to_its_end(depart(desk, departure, outcome, keep))
    failpoint("live_settled")
    return outcome


async def enter(
    desk: Desk, request: LiveRequest, address: Address, reference: str, started: float, *, at_once: bool
) -> LetIn:
    """Let the key in together with others; `at_once` with an earlier result for an answer, where there is one."""
    return await desk.doors.enter(
        caller_of(request),
        address,
        reference=reference,
        ttl_seconds=int(request.max_wait) + RESERVED_SECONDS,
        started=started,
        max_age=request.max_age if at_once else 0,
    )


def caller_of(request: LiveRequest) -> Caller:
    return Caller(
        keys.digest(request.secret),
        request.client,
        Scope.VERIFY,
        amount=0 if request.sandbox else 1,
        counts=not request.is_counted,
    )


async def find_earlier(desk: Desk, request: LiveRequest, entered: LetIn) -> Earlier | None:
    """Give an earlier result that will do for a call whose check is set aside."""
    grant, digest = entered.grant, entered.digest
    if digest is None or not grant.config.result_reuse or not request.max_age:
        return None
    return await desk.pool.insist(lambda: look_for(desk.pool, grant.account_id, digest, request.max_age))


async def look_for(pool: LivePool, account_id: int, digest: bytes, max_age: int) -> Earlier | None:
    async with pool.connection() as connection:
        found = await find_fresh(connection, account_id=account_id, digests=[digest], max_age=max_age)
    return found.get(digest)


def made_up(email: str, standing: Standing) -> Answer:
    """Answer without asking anybody.  Raises a refusal that an address of the sandbox asks for."""
    try:
        return sandbox.answer(email)
    except (AccessRefused, QuotaExceeded) as refusal:
        refusal.standing = standing
        raise


async def probe(desk: Desk, grant: Admission, address: Address, ends_at: float, max_wait: float) -> Answer:
    """Ask the engine, or wait for who asks it already; gives up when `max_wait` seconds are over."""
    options = probe_options(grant.config, do_not_probe=do_not_probe.known(), dns_only=probe_state.shut_here())

    async def start() -> Answer:
        left = max(ends_at - time.monotonic(), 0.1)
        return await desk.engine.verify(address.text, deadline_seconds=left, options=options)

    key = (grant.account_id, address.mailbox or address.text, options)
    return await desk.flights.join(key, ends_at=ends_at, slack=SHARED_WITHIN * max_wait, start=start)


async def depart(desk: Desk, departure: Departure, outcome: LiveOutcome, keep: Keep | None) -> None:
    """Charge and keep an answer, together with others' or with what else is to be kept of it."""
    if keep is None:
        await desk.exits.leave(departure)
        return

    async def end_and_keep() -> None:
        async with desk.pool.connection() as connection, connection.transaction():
            await end(connection, [departure])
            await keep(connection, outcome)

    await desk.pool.insist(end_and_keep)


async def release(pool: LivePool, reference: str) -> None:
    """Give back what a call set aside; without a database the reservation runs out by itself."""
    try:
        async with pool.connection() as connection, connection.transaction():
            await quota.aclose_reservation(connection, reference=reference, entry=f"{reference}:gone")
    except (OperationalError, InterfaceError):
        return


def as_supplied(reply: Answer, address: Address) -> Answer:
    """Name the address as this caller wrote it; a shared probe may have been asked for in another case."""
    return replace(reply, email=address.text, user=address.user, domain=address.domain)


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await something that is not to be broken off, though the caller be cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def milliseconds_since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
