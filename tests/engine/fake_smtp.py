"""A mail server over real sockets that says what a test tells it to, and keeps what it heard."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network

from verification.engine.config import EngineConfig
from verification.engine.network import Guard
from verification.engine.pacing import InProcessPacing, Pacing
from verification.engine.smtp import commands
from verification.engine.smtp.client import Patience
from verification.engine.smtp.desk import Desk, Route
from verification.engine.smtp.queue import Inquiry
from verification.engine.types import Attempt

HANG_UP = b""  # a script's answer that closes the connection
NOTHING = None  # and one that leaves the client waiting
FULL_OFFER = b"250-mx.test\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
BARE_OFFER = b"250 mx.test\r\n"


@dataclass
class Peer:
    """One connection: the lines heard, and how they came in (one entry a read)."""

    number: int
    lines: list[bytes] = field(default_factory=list)
    reads: list[bytes] = field(default_factory=list)
    is_secure: bool = False
    limited: int = 0  # replies that a limit of the connection made

    def count(self, verb: bytes) -> int:
        return sum(line.upper().startswith(verb) for line in self.lines)


Script = Callable[[Peer, bytes], bytes | None]


def honest(peer: Peer, line: bytes) -> bytes | None:
    """Answer as a server does that knows everybody but missing… and the random recipients with their digits."""
    verb = line[:4].upper()
    if verb == b"EHLO":
        return FULL_OFFER
    if verb == b"QUIT":
        return b"221 2.0.0 Bye\r\n"
    if verb == b"RCPT" and (b"missing" in line or is_random(line)):
        return b"550 5.1.1 No such user\r\n"
    return b"250 2.1.0 Ok\r\n"


def is_random(line: bytes) -> bool:
    local_part = line[len(b"RCPT TO:<") :].partition(b"@")[0]
    return local_part[-4:].isdigit() and b"." in local_part


def but(verb: bytes, *replies: bytes | None, otherwise: Script = honest) -> Script:
    """Answer a verb in another way: the first replies in turn on each connection, then the last one for ever."""

    def script(peer: Peer, line: bytes) -> bytes | None:
        if not line.upper().startswith(verb):
            return otherwise(peer, line)
        return replies[min(peer.count(verb), len(replies)) - 1]

    return script


def stepwise(otherwise: Script = honest) -> Script:
    """Offer no extension."""
    return but(b"EHLO", BARE_OFFER, otherwise=otherwise)


@dataclass
class Door:
    """Lets so many connections in at a time; it notices their end only after some seconds."""

    at_once: int
    notices_after: float = 0.0
    inside: int = 0

    async def see_off(self) -> None:
        """Count a connection that was let in no more."""
        await asyncio.sleep(self.notices_after)
        self.inside -= 1


class FakeServer:
    def __init__(
        self, script: Script, greeting: bytes | None, context: ssl.SSLContext | None, door: Door | None = None
    ) -> None:
        self.script = script
        self.greeting = greeting
        self.context = context
        self.door = door or Door(1_000)
        self.turned_away = 0
        self.leaving: set[asyncio.Task[None]] = set()
        self.peers: list[Peer] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(len(self.peers) + 1)
        self.peers.append(peer)
        if self.door.inside >= self.door.at_once:
            self.turned_away += 1
            writer.write(b"421 4.7.0 Too many connections\r\n")
            writer.close()
            return
        self.door.inside += 1
        try:
            await self._talk(peer, reader, writer)
        except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()
            self.leaving.add(asyncio.create_task(self.door.see_off()))

    async def _talk(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.greeting is not None:
            writer.write(self.greeting)
        rest = b""
        while data := await reader.read(65_536):
            peer.reads.append(data)
            *lines, rest = (rest + data).split(b"\r\n")
            for line in lines:
                peer.lines.append(line)
                reply = self.script(peer, line)
                if reply == HANG_UP:
                    return
                writer.write(reply or b"")
                await writer.drain()
                if line == b"STARTTLS" and (reply or b"").startswith(b"220") and self.context:
                    await writer.start_tls(self.context)
                    peer.is_secure = True
                if line == b"QUIT" or (reply or b"").startswith(b"421"):
                    return


@asynccontextmanager
async def server(
    script: Script = honest,
    *,
    greeting: bytes | None = b"220 mx.test\r\n",
    context: ssl.SSLContext | None = None,
    door: Door | None = None,
) -> AsyncIterator[FakeServer]:
    fake = FakeServer(script, greeting, context, door)
    listener = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = listener.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        listener.close()
        for task in fake.leaving:
            task.cancel()


class Client:
    """A desk of the engine in front of one fake server."""

    def __init__(self, port: int, *, pacing: Pacing | None = None, patience: Patience | None = None, per_host: int = 5):
        config = EngineConfig(helo_name="probe.example.org", mail_from="probe@example.org", per_host=per_host)
        self.desk = Desk(
            config,
            pacing or InProcessPacing(per_host),
            Guard((ip_network("127.0.0.0/8"),)),
            max_connections=100,
            patience=patience or Patience(connect=2, greeting=2, reply=2, handshake=2, quit=1),
        )
        self.inquiries: list[Inquiry] = []
        self.route = Route(("0 mx.test",), "mx.test", "127.0.0.1", port, "mx.test")

    def put(
        self, mailbox: str, *, catch_all: bool = False, sender: str = "probe@example.org", smtputf8: bool = False
    ) -> asyncio.Future[Attempt]:
        answer: asyncio.Future[Attempt] = asyncio.get_running_loop().create_future()
        line = commands.recipient(mailbox, smtputf8=smtputf8)
        domain = mailbox.rpartition("@")[2]
        self.inquiries.append(Inquiry(line, domain, sender, smtputf8, catch_all, answer))
        self.desk.put(self.route, self.inquiries[-1])
        return answer

    async def ask(self, *mailboxes: str, catch_all: bool = False) -> list[Attempt]:
        return await asyncio.gather(*(self.put(mailbox, catch_all=catch_all) for mailbox in mailboxes))


@asynccontextmanager
async def client(port: int, **settings: object) -> AsyncIterator[Client]:
    one = Client(port, **settings)  # type: ignore[arg-type]  # handed on as they are
    try:
        yield one
    finally:
        await one.desk.aclose()


def said(attempts: Sequence[Attempt]) -> list[str]:
    """Give each attempt in a word or two: its trouble or meaning, and its code."""
    return [f"{attempt.trouble or attempt.meaning} {attempt.code}" for attempt in attempts]
