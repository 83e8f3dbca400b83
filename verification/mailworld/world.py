"""The mail world as a whole: a name server and some ten thousand mail servers on loopback, in one process."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from pathlib import Path

from verification.mailworld.addresses import Map, Place
from verification.mailworld.dialogue import Greylist
from verification.mailworld.dns import NameServer, UdpServer, serve_tcp
from verification.mailworld.journal import Journal
from verification.mailworld.session import Session
from verification.mailworld.voices import DelayLine
from verification.mailworld.zone import ZoneData

_BACKLOG = 1_024
_IDLE_SECONDS = 600.0
_SWEEP_SECONDS = 30.0


class World:
    """What all connections share."""

    def __init__(self, *, delay_ms: int = 0, log: Path | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.journal = Journal(log, self.loop) if log else None
        self.greylist = Greylist()
        self._delay_ms = delay_ms
        self._lines: dict[int, DelayLine] = {}
        self._sessions: set[Session] = set()
        self._servers: list[asyncio.Server] = []
        self._datagrams: asyncio.BaseTransport | None = None
        self._count = 0
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)

    async def listen(self, places: Map, dns: tuple[str, int], smtp_port: int, *, killers: bool = False) -> None:
        """Open all sockets.  Raises OSError when an address is taken."""
        names = NameServer(ZoneData(places, killers=killers))
        for place in places.places():
            self._servers.append(await self._serve(place, smtp_port))
        self._servers.append(await asyncio.start_server(partial(serve_tcp, names), *dns, backlog=_BACKLOG))
        self._datagrams, _ = await self.loop.create_datagram_endpoint(partial(UdpServer, names), sock=_datagram(dns))

    async def _serve(self, place: Place, port: int) -> asyncio.Server:
        return await self.loop.create_server(partial(Session, self, place), place.address, port, backlog=_BACKLOG)

    def delay_line(self, extra_ms: int) -> DelayLine | None:
        milliseconds = self._delay_ms + extra_ms
        if not milliseconds:
            return None
        if milliseconds not in self._lines:
            self._lines[milliseconds] = DelayLine(self.loop, milliseconds / 1000)
        return self._lines[milliseconds]

    def opened(self, session: Session) -> None:
        self._count += 1
        session.number = self._count
        session.heard_at = self.loop.time()
        self._sessions.add(session)

    def closed(self, session: Session) -> None:
        self._sessions.discard(session)

    def close(self) -> None:
        self._sweeper.cancel()
        if self._datagrams:
            self._datagrams.close()
        for server in self._servers:
            server.close()
        for session in list(self._sessions):
            session.abort(b"stop")

    def _sweep(self) -> None:
        oldest = self.loop.time() - _IDLE_SECONDS
        for session in [session for session in self._sessions if session.heard_at < oldest]:
            session.abort(b"idle")
        self._sweeper = self.loop.call_later(_SWEEP_SECONDS, self._sweep)


def _datagram(address: tuple[str, int]) -> socket.socket:
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        endpoint.setblocking(False)
        endpoint.bind(address)
    except OSError:
        endpoint.close()
        raise
    return endpoint
