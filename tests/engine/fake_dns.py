"""A name server over real sockets that says what a test tells it to, and keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from verification.engine.config import EngineConfig
from verification.engine.resolver import Resolver

T = TypeVar("T")
SOA = "ns.test. admin.test. 1 3600 600 86400 60"
QUICK = (0.3, 0.2, 0.2)  # patience where an answer will not come
PATIENT = (5.0, 5.0, 5.0)  # where it will, on however busy a machine

Query = dns.message.QueryMessage
Script = Callable[[Query, str], list[bytes]]  # query and "udp" or "tcp" → the packets to send


def run(work: Coroutine[Any, Any, T]) -> T:  # Any: what a coroutine sends and yields does not matter
    """Run a coroutine, 20 s at most."""

    async def bounded() -> T:
        return await asyncio.wait_for(work, 20)

    return asyncio.run(bounded())


def answer(
    query: Query, *sections: tuple[str, str, list[str]], rcode: str = "NOERROR", soa: bool = False, ttl: int = 300
) -> dns.message.Message:
    """Build an answer of (owner, type, data) groups, with an SOA record for a negative one."""
    message = dns.message.make_response(query, recursion_available=True)
    message.set_rcode(dns.rcode.from_text(rcode))
    for owner, rdtype, data in sections:
        message.answer.append(dns.rrset.from_text(f"{owner}.", ttl, "IN", rdtype, *data))
    if soa:
        message.authority.append(dns.rrset.from_text("test.", ttl, "IN", "SOA", SOA))
    return message


def records(rdtype: str, *data: str, ttl: int = 300) -> Script:
    """Answer with these records; over UDP cut at 1,232 octets."""

    def script(query: Query, transport: str) -> list[bytes]:
        owner = query.question[0].name.to_text(omit_final_dot=True)
        message = answer(query, (owner, rdtype, list(data)), ttl=ttl)
        wire = message.to_wire(max_size=65_535)
        if transport == "udp" and len(wire) > 1232:
            message.answer.clear()
            message.flags |= dns.flags.TC
            wire = message.to_wire()
        return [wire]

    return script


def says(rcode: str, *, soa: bool = False) -> Script:
    """Answer with a bare response code; NOERROR is no such record."""
    return lambda query, _: [answer(query, rcode=rcode, soa=soa).to_wire()]


def silent(query: Query, transport: str) -> list[bytes]:
    """Never answer."""
    return []


@dataclass
class FakeDns:
    """Names and types → what to do; a name without an entry does not exist, one without this type has no data."""

    zone: dict[tuple[str, str], Script] = field(default_factory=dict)
    default: Script | None = None
    host: str = "127.0.0.1"
    questions: list[tuple[str, str, str]] = field(default_factory=list)
    sources: set[int] = field(default_factory=set)
    last_source: int = 0
    resolvers: list[Resolver] = field(default_factory=list)  # that ask here: closed with the server

    async def __aenter__(self) -> FakeDns:
        while True:
            self._tcp = await asyncio.start_server(self._serve_tcp, self.host, 0)
            self.address: tuple[str, int] = self._tcp.sockets[0].getsockname()[:2]
            try:
                await self._listen()
            except OSError:  # the port is taken for UDP
                self._tcp.close()
            else:
                return self

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=self.address)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for resolver in self.resolvers:
            await resolver.aclose()
        self._udp.close()
        self._tcp.close()
        await asyncio.sleep(0)

    def asked(self, name: str) -> list[str]:
        """Give the types, in order, that a name was asked for."""
        return [rdtype for asked, rdtype, _ in self.questions if asked == name]

    def packets(self, wire: bytes, transport: str) -> list[bytes]:
        query = dns.message.from_wire(wire)
        assert isinstance(query, dns.message.QueryMessage)
        question = query.question[0]
        name, rdtype = question.name.to_text(omit_final_dot=True), question.rdtype.name
        self.questions.append((name, rdtype, transport))
        script = self.zone.get((name, rdtype)) or self.default
        if script is None:
            exists = any(known == name for known, _ in self.zone)
            script = says("NOERROR" if exists else "NXDOMAIN", soa=True)
        return script(query, transport)

    def send_late(self, packet: bytes) -> None:
        """Send an answer to the port that asked last."""
        self._udp.sendto(packet, (self.host, self.last_source))

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        for packet in self.packets(await reader.readexactly(size), "tcp"):
            writer.write(len(packet).to_bytes(2, "big") + packet)
        await reader.read()
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: FakeDns) -> None:
        self.server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)  # no subclass of it before Python 3.12

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.server.sources.add(addr[1])
        self.server.last_source = addr[1]
        for packet in self.server.packets(data, "udp"):
            self.transport.sendto(packet, addr)


def resolver_for(*servers: FakeDns, try_seconds: tuple[float, ...] | None = None) -> Resolver:
    """Build a resolver that asks these servers, with little patience when one of them is told to keep silent."""
    if try_seconds is None:
        is_silent = any(silent in (*server.zone.values(), server.default) for server in servers)
        try_seconds = QUICK if is_silent else PATIENT
    config = EngineConfig(resolvers=tuple(server.address for server in servers))
    resolver = Resolver(config, try_seconds=try_seconds)
    servers[0].resolvers.append(resolver)
    return resolver
