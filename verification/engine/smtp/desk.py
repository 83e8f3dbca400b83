"""What all queues before mail hosts share: settings, pacing, what was learned of servers and domains."""

from __future__ import annotations

import asyncio
import zlib
from typing import NamedTuple

from verification.engine.config import EngineConfig
from verification.engine.mail_hosts import DeadAddresses
from verification.engine.network import Guard
from verification.engine.pacing import Pacing
from verification.engine.smtp.catch_all import CatchAllMemory
from verification.engine.smtp.client import DEFAULT_PATIENCE, Patience, Session
from verification.engine.smtp.habits import HabitsMemory
from verification.engine.smtp.line import Line
from verification.engine.smtp.queue import Inquiry
from verification.engine.types import Stage, Trouble

NAMELESS = "probe.invalid"  # how we greet in zones that are probed even without a HELO name


class Route(NamedTuple):  # looked up for each address: a tuple is hashed without a line of Python
    """Where to ask: equal routes share connections.  `mail_hosts` names the whole MX set of the domain."""

    mail_hosts: tuple[str, ...]
    host: str
    address: str
    port: int
    organisation: str
    source: str = ""  # our own address; "" leaves it to the system


class Desk:
    """Hands inquiries to the line before their route."""

    def __init__(
        self,
        config: EngineConfig,
        pacing: Pacing,
        guard: Guard,
        *,
        max_connections: int,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self.config = config
        self.pacing = pacing
        self.guard = guard
        self.patience = patience
        self.habits = HabitsMemory()
        self.catch_alls = CatchAllMemory()
        self.dead = DeadAddresses()
        self.sockets = asyncio.Semaphore(max_connections)
        self.is_closed = False
        self._lines: dict[Route, Line] = {}

    @property
    def helo(self) -> str:
        return self.config.helo_name or NAMELESS

    @property
    def sender(self) -> str:
        return self.config.mail_from or f"postmaster@{self.helo}"

    def line(self, route: Route) -> Line:
        """Give the queue before a route."""
        line = self._lines.get(route)
        if line is None:
            line = self._lines[route] = Line(self, route)
        return line

    def put(self, route: Route, inquiry: Inquiry) -> Line:
        """Queue an inquiry; give the line it stands in."""
        line = self.line(route)
        line.put(inquiry)
        return line

    def forget(self, route: Route) -> None:
        self._lines.pop(route, None)

    def note_health(self, address: str, session: Session) -> None:
        """Remember who takes no connection, or takes it and does not greet."""
        if not session.trouble:
            self.dead.revive(address)
        elif session.trouble_stage in (Stage.CONNECT, Stage.GREETING) and session.trouble is not Trouble.DEADLINE:
            self.dead.bury(address)

    def source_for(self, address: str, organisation: str, wanted: str = "") -> str:
        """Choose our address of the right family: the wanted one, else always the same for an organisation."""
        if not self.config.source_addresses:
            return ""
        family = ":" in address
        sources = [source for source in self.config.source_addresses if (":" in source) == family]
        if wanted in sources:  # greylisting knows us by it
            return wanted
        return sources[zlib.crc32(organisation.encode()) % len(sources)] if sources else ""

    async def aclose(self) -> None:
        """Drop all connections; whoever still waits gets an attempt that blames our time."""
        self.is_closed = True
        tasks = [task for line in self._lines.values() for task in line.tasks]
        for line in tuple(self._lines.values()):
            line.close()
        await asyncio.gather(*tasks, return_exceptions=True)
