"""The drain: one event loop that keeps claiming batches, asks the engine, and flushes answers as they come.

It may run any number of times, beside others, and die at any moment: leases and unique rows keep the books.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings
from psycopg import AsyncConnection

from verification.domain import bells, claims, guards, killers, slots
from verification.domain.claims import Lease, OpenCheck, Order
from verification.domain.database import connection_kwargs
from verification.domain.failpoints import failpoint
from verification.domain.flush import Answered, Part, flush
from verification.domain.pacing import pacing_of_jobs
from verification.domain.probing import engine_config
from verification.domain.reuse import Earlier
from verification.domain.slots import Seat, Slot
from verification.engine import Answer, Engine, scenarios
from verification.engine.memory import collect_less_often
from verification.engine.syntax import parse
from verification.engine.types import CatchAll

logger = logging.getLogger(__name__)

CLAIMING_SECONDS = 200.0  # then no more claims
LAST_SECONDS = 285.0  # then the rest is released; the queue ends the task at 300
IDLE_SECONDS = 3.0  # without work this long the drain ends
STOP_LOOK_SECONDS = 0.5
STOP_WRITE_SECONDS = 3.0
FLUSH_SECONDS = 0.3  # between two looks for answers of batches that are not complete
GATHER_SECONDS = 0.1  # for others to be complete, too, while there is more in work
CLAIM_SECONDS = 0.2
BATCH_SIZE = 250
AHEAD = 250  # checks that stand ready, so that no slot stays empty while the next batch is claimed

Probe = Callable[[str, Order], Awaitable[Answer]]
Remember = Callable[[str, CatchAll], None]


@dataclass(slots=True)
class Hold:
    """A leased batch in work."""

    order: Order
    open: set[int] = field(default_factory=set)
    answered: list[Answered] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    is_dropped: bool = False

    @property
    def lease(self) -> Lease:
        return self.order.lease

    def take(self) -> Part:
        """Give what there is to write."""
        answered, self.answered = self.answered, []
        return Part(self.lease, answered, not self.open, self.order.may_wait, self.order.catch_alls)


def run_drain() -> bool:
    """Drain until no work is left or the time is up.  False when there is nothing that another drain could do.

    True asks the caller to ring again: work may be left.
    """
    with slots.take_seat() as seat:
        if seat is None:
            return False
        if slots.wants_help():
            bells.ring()
        guards.limit_memory()
        collect_less_often()
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(drain_once(seat))


def used_again(check: OpenCheck, earlier: Earlier) -> Answered:
    """Give an earlier result as the answer for a check; it keeps its date."""
    address = parse(check.address)
    answer = earlier.answer(email=address.text, user=address.user, domain=address.domain)
    return Answered(check.id, answer, domain=check.domain, digest=check.digest, checked_at=earlier.checked_at)


async def wait_briefly(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, or for some time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()


def new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # not on Windows
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


async def drain_once(seat: Seat = slots.FIRST_SEAT) -> bool:
    asyncio.get_running_loop().set_exception_handler(guards.heed_memory_errors)
    async with guards.beating(), pacing_of_jobs(settings.RUN_DIR / f"{seat.name}.holder") as pacing:
        engine = Engine(engine_config(), pacing=pacing)

        async def probe(address: str, order: Order) -> Answer:
            if order.lease.sandbox:
                return scenarios.answer(address)
            killers.harm(address)
            return await engine.verify(address, deadline_seconds=order.deadline_seconds, options=order.options)

        try:
            async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as connection:
                return await Drain(connection, probe, seat.slot, remember=engine.remember_catch_all).run()
        finally:
            await engine.aclose()


class Drain:
    """Holds leases, keeps up to PROBE_CONCURRENCY addresses in flight and writes what comes back."""

    def __init__(
        self,
        connection: claims.Connection,
        probe: Probe,
        slot: Slot = Slot.MAIN,
        *,
        remember: Remember | None = None,
    ) -> None:
        self.connection = connection
        self.probe = probe
        self.slot = slot
        self.remember = remember
        self.holds: dict[int, Hold] = {}
        self.ready: deque[tuple[Hold, OpenCheck]] = deque()
        self.in_flight = 0
        self.may_have_more = False  # the last claim gave something
        self.started = time.monotonic()
        self.last_work = self.started
        self.next_renewal = self.started + claims.RENEW_SECONDS
        self.next_stop_look = self.started
        self.progress = asyncio.Event()  # a batch is complete
        self.room = asyncio.Event()  # something was written: look for more
        self.is_ending = False

    async def run(self) -> bool:
        """Work until done, out of time or told to stop; gives whether to ring again."""
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as writer:
            writing = asyncio.create_task(self.keep_writing(writer))
            try:
                return await self.keep_claiming(writing)
            except MemoryError:
                guards.die_out_of_memory()  # giving back would not count
            finally:
                self.is_ending = True
                self.progress.set()
                await asyncio.wait({writing}, timeout=STOP_WRITE_SECONDS)
                await self.give_back()

    async def keep_claiming(self, writing: asyncio.Task[None]) -> bool:
        """Claim and renew, while what comes back is written beside it, on a connection of its own."""
        while not writing.done():
            if self.stop_asked():
                return False  # whoever starts the product again looks for due work
            if self.age > LAST_SECONDS:
                return True
            if self.age > CLAIMING_SECONDS and not self.holds:
                return True
            self.may_have_more = self.age < CLAIMING_SECONDS and await self.claim()
            if not self.holds and time.monotonic() - self.last_work > IDLE_SECONDS:
                return False
            await self.renew()
            if not self.wants_more:
                await wait_briefly(self.room, CLAIM_SECONDS)
        writing.result()  # raises what ended it
        return True

    async def keep_writing(self, writer: claims.Connection) -> None:
        """Write batches as they are complete, and what there is of the others from time to time."""
        next_look = time.monotonic() + FLUSH_SECONDS
        while not self.is_ending:
            await wait_briefly(self.progress, max(next_look - time.monotonic(), 0.0))
            if any(hold.open for hold in self.holds.values()):
                await asyncio.sleep(GATHER_SECONDS)
            if is_due := time.monotonic() >= next_look:
                next_look = time.monotonic() + FLUSH_SECONDS
            await self.flush_answers(writer, only_complete=not is_due)
            self.room.set()

    @property
    def age(self) -> float:
        return time.monotonic() - self.started

    def stop_asked(self) -> bool:
        now = time.monotonic()
        if now < self.next_stop_look:
            return False
        self.next_stop_look = now + STOP_LOOK_SECONDS
        return (settings.RUN_DIR / "stop").exists()

    @property
    def free(self) -> int:
        """How many checks may still be claimed: for empty slots, and to stand ready for the next ones."""
        return settings.PROBE_CONCURRENCY + AHEAD - self.in_flight - len(self.ready)

    @property
    def wants_more(self) -> bool:
        return self.may_have_more and self.free > 0

    async def claim(self) -> bool:
        """Claim while there is room; gives whether there may be more.

        What may have killed its worker is worked on with nothing beside it.  Beyond the room there is as much again for
        accounts that have nothing in work here, a batch for each: slow mail servers of one account's addresses hold up
        nobody else.
        """
        suspects = self.slot is Slot.SUSPECTS
        if suspects and self.holds:
            return False
        free = self.free
        if self.in_flight >= 2 * settings.PROBE_CONCURRENCY:
            return self.may_have_more
        served = {hold.lease.account_id for hold in self.holds.values()} if free <= 0 else ()
        limit = 1 if suspects else max(1, free // BATCH_SIZE)
        leases = await claims.claim(self.connection, limit=limit, suspects=suspects, but=served)
        async for order in claims.read_orders(self.connection, leases):
            self.start(order)
        return bool(leases) if free > 0 else self.may_have_more

    def start(self, order: Order) -> None:
        """Take up an order; an account that has nothing in work here need not wait for a slot."""
        if self.remember is not None:
            for domain, known in order.catch_alls.items():
                self.remember(domain, known)
        hold = Hold(order)
        is_first = all(other.lease.account_id != hold.lease.account_id for other in self.holds.values())
        self.holds[order.lease.id] = hold
        self.last_work = time.monotonic()
        for check in order.checks:
            if earlier := order.earlier.get(check.digest or b""):
                hold.answered.append(used_again(check, earlier))
                continue
            hold.open.add(check.id)
            if is_first:
                self.ask(hold, check)
            else:
                self.ready.append((hold, check))
        self.fill()
        if not hold.open:
            self.progress.set()  # nothing to ask: the next flush ends the batch

    def fill(self) -> None:
        """Ask for what stands ready, as far as there are slots."""
        while self.ready and self.in_flight < settings.PROBE_CONCURRENCY and not self.is_ending:
            hold, check = self.ready.popleft()
            if not hold.is_dropped:
                self.ask(hold, check)

    def ask(self, hold: Hold, check: OpenCheck) -> None:
        self.in_flight += 1
        task = asyncio.create_task(self.answer(hold, check))
        hold.tasks.add(task)
        task.add_done_callback(partial(self.landed, hold))

    def landed(self, hold: Hold, task: asyncio.Task[None]) -> None:
        self.in_flight -= 1
        hold.tasks.discard(task)
        self.fill()
        if self.wants_more:
            self.room.set()

    async def answer(self, hold: Hold, check: OpenCheck) -> None:
        try:
            answer = await self.probe(check.address, hold.order)
        except MemoryError:
            guards.die_out_of_memory()
        hold.answered.append(Answered(check.id, answer, domain=check.domain, digest=check.digest))
        hold.open.discard(check.id)
        if not hold.open:
            self.progress.set()

    async def flush_answers(self, writer: claims.Connection, *, only_complete: bool = False) -> None:
        """Write what there is, a transaction for each job."""
        by_job: dict[uuid.UUID, list[Hold]] = {}
        for hold in self.holds.values():
            if not hold.open or (hold.answered and not only_complete):
                by_job.setdefault(hold.lease.job_id, []).append(hold)
        for holds in by_job.values():
            await self.flush(holds, writer)

    async def flush(self, holds: Sequence[Hold], writer: claims.Connection) -> None:
        parts = [hold.take() for hold in holds]
        failpoint("after_smtp_before_commit")
        try:
            kept = await flush(writer, parts)
        except BaseException:
            for hold, part in zip(holds, parts, strict=True):  # not known to be written; twice does no harm
                hold.answered = [*part.answered, *hold.answered]
            raise
        self.last_work = time.monotonic()
        for hold, part in zip(holds, parts, strict=True):
            if part.complete or hold.lease.id not in kept:
                self.drop(hold)
            if hold.lease.id not in kept:
                logger.warning("lease of batch %s was lost", hold.lease.id, extra={"job_id": hold.lease.job_id})

    def drop(self, hold: Hold) -> None:
        hold.is_dropped = True
        self.holds.pop(hold.lease.id, None)
        for task in hold.tasks:
            task.cancel()

    async def renew(self) -> None:
        """Renew leases every 5 s; what is no longer ours is dropped, its tasks are cancelled."""
        if time.monotonic() < self.next_renewal or not self.holds:
            return
        self.next_renewal = time.monotonic() + claims.RENEW_SECONDS
        ours = await claims.renew(self.connection, [hold.lease for hold in self.holds.values()])
        failpoint("renewed")
        for hold in [hold for hold in self.holds.values() if hold.lease.id not in ours]:
            self.drop(hold)

    async def give_back(self) -> None:
        """Drop open probes, write what is there, release the leases without counting them."""
        holds = list(self.holds.values())
        self.ready.clear()
        tasks = [task for hold in holds for task in hold.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.connection.closed:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WRITE_SECONDS):
                await self.flush_answers(self.connection)
                await claims.release(self.connection, [hold.lease for hold in self.holds.values()])
