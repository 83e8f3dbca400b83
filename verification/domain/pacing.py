"""Pacing that all processes and machines share: permits are rows, taken and renewed in bulk, counted locally.

Twenty times a second at most, a process asks for what it lacks and gives back what it no longer needs.  A permit lasts
30 seconds; without a database no connection is begun once it has run out.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import psycopg
from django.conf import settings
from psycopg import AsyncConnection

from verification.domain.database import connection_kwargs
from verification.domain.pacing_local import LOOK_SECONDS, Local
from verification.domain.pacing_rows import GRANT_SECONDS, Connection, Decision, Holder, Wish, held

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.05
RENEW_SECONDS = 10.0
MARGIN_SECONDS = 2.0  # a permit is not used to its last moment
PATIENCE_SECONDS = 1.0  # between two wishes for more, once there is something
STATEMENT_SECONDS = 10.0
LEAVE_SECONDS = 1.0
MOST_WISHES = 2_000

Connect = Callable[[], AbstractAsyncContextManager[Connection]]


class SharedPacing:
    """The engine's pacing, for one event loop.  Its work in the background ends by itself when there is none."""

    def __init__(self, connect: Connect, holder: Holder) -> None:
        self._connect = connect
        self._holder = holder
        self._most = holder.per_host if holder.live else max(1, holder.per_host - 1)
        self._locals: dict[str, Local] = {}
        self._task: asyncio.Task[None] | None = None
        self._renew_at = time.monotonic() + RENEW_SECONDS
        self._look_at = 0.0
        self._is_away = False

    async def acquire(self, organisation: str) -> None:
        """Wait for a slot.  Raises HeldBackError."""
        local, now = self._local(organisation), time.monotonic()
        if now < local.known_until:
            raise local.error(now)
        local.lapse(now)
        self._wake()
        await local.gate.enter()

    def release(self, organisation: str) -> None:
        """Give a slot back."""
        local = self._local(organisation)
        local.lapse(time.monotonic())
        local.gate.leave()

    def answered(self, organisation: str) -> None:
        """Note that a group of recipients was answered."""
        local = self._local(organisation)
        if local.answered < self._holder.per_host:
            local.answered += 1
        local.refused = 0
        if local.gate.slots < self._most:
            local.ask_at = 0.0  # may grow

    def refused(self, organisation: str) -> None:
        """Note that a connection was refused because of us."""
        self._local(organisation).refused += 1
        self._wake()

    def contended(self, organisation: str) -> bool:
        """Tell whether others wait for a slot, here or elsewhere."""
        local = self._local(organisation)
        return bool(local.gate.waiting) or local.contended

    async def aclose(self) -> None:
        """Tell the last refusals and give everything back; without a database it runs out by itself."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        refused = [Wish(name, 0, 0, refused=local.refused) for name, local in self._locals.items() if local.refused]
        if not refused and all(local.recorded is None for local in self._locals.values()):
            return
        with suppress(psycopg.Error, OSError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS), self._connect() as connection:
                if refused:
                    await self._holder.take(connection, refused)
                await self._holder.leave(connection)

    def _local(self, organisation: str) -> Local:
        local = self._locals.get(organisation)
        if local is None:
            local = self._locals[organisation] = Local()
        return local

    # In the background

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        while self._locals:
            started = time.monotonic()
            try:
                await self._tick(started)
            except (psycopg.Error, OSError, TimeoutError) as error:
                if not self._is_away:
                    logger.warning("no permits for new connections: %s", error)
                self._is_away = True
            except Exception:
                logger.exception("The pacing broke down")
            self._forget(time.monotonic())
            await asyncio.sleep(max(TICK_SECONDS - (time.monotonic() - started), TICK_SECONDS / 4))

    async def _tick(self, now: float) -> None:
        wishes = self._wishes(now)
        renews, looks = now >= self._renew_at, now >= self._look_at
        if not (wishes or renews or looks):
            return
        async with asyncio.timeout(STATEMENT_SECONDS), self._connect() as connection:
            if renews:
                self._renewed(await self._holder.renew(connection), now)
            if wishes:
                self._decided(wishes, await self._holder.take(connection, list(wishes.values())), now)
            if looks and self._locals:
                self._held(await held(connection, self._locals), now)
        self._is_away = False

    def _wishes(self, now: float) -> dict[str, Wish]:
        wishes = {}
        for name, local in self._locals.items():
            local.lapse(now)
            wanted = min(local.wanted, self._holder.per_host)
            if local.must_ask(wanted, now):
                wishes[name] = Wish(name, wanted, local.gate.used, local.answered, local.refused)
                local.gate.slots = min(local.gate.slots, local.gate.used)  # nobody in until the answer is here
                if len(wishes) == MOST_WISHES:
                    break
        return wishes

    def _decided(self, wishes: dict[str, Wish], decisions: Iterable[Decision], now: float) -> None:
        for decision in decisions:
            local, wish = self._locals[decision.organisation], wishes[decision.organisation]
            local.answered = max(local.answered - wish.answered, 0)
            local.refused = max(local.refused - wish.refused, 0)
            local.contended, local.troubled = decision.contended, decision.troubled
            local.good_until = now + GRANT_SECONDS - MARGIN_SECONDS
            local.spare_since = None
            local.ask_at = now + self._patience(decision) if wish.wanted > decision.granted else 0.0
            if decision.held or decision.paused:
                local.recorded = wish.used or None
                local.hold(decision.held, decision.paused, now)
                continue
            local.recorded = max(wish.used, decision.granted) if wish.keeps_row else None
            local.gate.slots = decision.granted
            local.gate.admit()

    def _patience(self, decision: Decision) -> float:
        return TICK_SECONDS if self._holder.live and not decision.granted else PATIENCE_SECONDS

    def _renewed(self, names: set[str], now: float) -> None:
        self._renew_at = now + RENEW_SECONDS
        for name, local in self._locals.items():
            if name in names:
                local.good_until = now + GRANT_SECONDS - MARGIN_SECONDS
            elif local.recorded is not None:
                local.recorded, local.gate.slots, local.ask_at = None, 0, 0.0

    def _held(self, found: dict[str, tuple[float, bool]], now: float) -> None:
        self._look_at = now + LOOK_SECONDS
        for name, (seconds, paused) in found.items():
            if (local := self._locals.get(name)) is not None:
                local.hold(seconds, paused, now)

    def _forget(self, now: float) -> None:
        idle = [name for name, local in self._locals.items() if local.is_idle and now >= local.known_until]
        for name in idle:
            del self._locals[name]


class OwnConnection:
    """A connection of its own, made when needed and again after a fault."""

    def __init__(self, role: str) -> None:
        self._role = role
        self._connection: Connection | None = None

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[Connection]:
        if self._connection is None or self._connection.closed:
            kwargs = connection_kwargs(self._role)
            self._connection = await AsyncConnection.connect(**kwargs, autocommit=True)
        try:
            yield self._connection
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()


@asynccontextmanager
async def pacing_of_jobs(note: Path | None = None) -> AsyncIterator[SharedPacing]:
    """Give a drain's pacing, on a connection of its own.

    `note` is a file that only one living process at a time uses: it names the holder, so that the next one need not
    wait until the permits of one that was killed run out.
    """
    connect = OwnConnection("drain")
    holder = Holder(settings.PROBE_PER_HOST, live=False)
    pacing = SharedPacing(connect, holder)
    try:
        if note is not None:
            await _succeed(connect, holder, note)
        yield pacing
    finally:
        await pacing.aclose()
        await connect.aclose()


async def _succeed(connect: Connect, holder: Holder, note: Path) -> None:
    """Give back what a dead predecessor held, and take its place."""
    with suppress(psycopg.Error):
        if (dead := _named_by(note)) is not None:
            async with connect() as connection:
                await replace(holder, id=dead).leave(connection)
    _name(note, holder)


def _named_by(note: Path) -> UUID | None:
    with suppress(OSError, ValueError):
        return UUID(note.read_text("ascii"))
    return None


def _name(note: Path, holder: Holder) -> None:
    note.write_text(str(holder.id), "ascii")


def pacing_of_calls(connect: Connect) -> SharedPacing:
    """Give the pacing of live calls, on connections of their pool."""
    return SharedPacing(connect, Holder(settings.PROBE_PER_HOST, live=True))
