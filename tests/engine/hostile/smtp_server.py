"""A mail server over real sockets that does at each stage what a test tells it to; one listener plays all of them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

GREETING = ""
OFFER = b"250-mx.test\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
BARE_OFFER = b"250 mx.test\r\n"
TLS_OFFER = b"250-mx.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n"
NO_USER = b"550 5.1.1 No such user\r\n"
FULL = b"452 4.2.2 Mailbox full\r\n"
_LINGER = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Peer:
    """One connection: the command lines heard, with their ends, and the bytes said."""

    address: str  # of ours that was connected to
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    lines: list[bytes] = field(default_factory=list)
    sent: int = 0
    is_secure: bool = False

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        self.sent += len(data)
        await self.writer.drain()

    async def hear(self) -> bytes:
        """Give the next command.  Raises EOFError."""
        line = await self.reader.readline()
        if not line:
            raise EOFError
        self.lines.append(line)
        return line

    def count(self, verb: str) -> int:
        return sum(_verb(line) == verb for line in self.lines)


Act = bytes | Callable[[Peer], Awaitable[None]]
Script = Callable[[Peer], Awaitable[None]]


def plays(acts: dict[str, Act | tuple[Act, ...]] | None = None, *, offer: bytes = OFFER) -> Script:
    """Answer honestly but at the verbs in `acts` ("" is the greeting): there act after act, the last for ever."""

    async def script(peer: Peer) -> None:
        await _do(peer, _choose(acts, GREETING, 1) or b"220 mx.test ESMTP\r\n")
        while True:
            line = await peer.hear()
            verb = _verb(line)
            await _do(peer, _choose(acts, verb, peer.count(verb)) or _honest(verb, line, offer))
            if verb == "QUIT":
                return

    return script


def _choose(acts: dict[str, Act | tuple[Act, ...]] | None, verb: str, count: int) -> Act | None:
    act = (acts or {}).get(verb)
    return act[min(count, len(act)) - 1] if isinstance(act, tuple) else act


def _honest(verb: str, line: bytes, offer: bytes) -> bytes:
    match verb:
        case "EHLO":
            return offer
        case "QUIT":
            return b"221 2.0.0 Bye\r\n"
        case "RCPT":
            return recipient_reply(line)
    return b"250 2.1.0 Ok\r\n"


def recipient_reply(line: bytes) -> bytes:
    """Know everybody but missing…, among whom are the random recipients; full… is over quota."""
    if b"<missing" in line:
        return NO_USER
    return FULL if b"<full" in line else b"250 2.1.5 Ok\r\n"


def _verb(line: bytes) -> str:
    return line[:4].decode("latin-1").upper()


async def _do(peer: Peer, act: Act) -> None:
    if isinstance(act, bytes):
        await peer.say(act)
    else:
        await act(peer)


# What a server may do in place of an answer


async def close(peer: Peer) -> None:
    raise EOFError


async def reset(peer: Peer) -> None:
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
    raise EOFError


async def honestly(peer: Peer) -> None:
    """Answer a RCPT as an honest server does."""
    await peer.say(recipient_reply(peer.lines[-1]))


async def half_close(peer: Peer) -> None:
    peer.writer.write_eof()
    await hang(peer)


async def hang(peer: Peer) -> None:
    await asyncio.sleep(3600)


def flood(start: bytes, chunk: bytes) -> Act:
    """Say something without end."""

    async def act(peer: Peer) -> None:
        await peer.say(start)
        while True:
            await peer.say(chunk)
            await asyncio.sleep(0)

    return act


def bytewise(data: bytes, pause: float = 0.0) -> Act:
    async def act(peer: Peer) -> None:
        for number in range(len(data)):
            await peer.say(data[number : number + 1])
            await asyncio.sleep(pause)

    return act


def in_two(data: bytes, cut: int, pause: float = 0.01) -> Act:
    async def act(peer: Peer) -> None:
        await peer.say(data[:cut])
        await asyncio.sleep(pause)
        await peer.say(data[cut:])

    return act


def late(seconds: float, data: bytes) -> Act:
    async def act(peer: Peer) -> None:
        await asyncio.sleep(seconds)
        await peer.say(data)

    return act


def secure(context: ssl.SSLContext) -> Act:
    """Answer STARTTLS and shake hands."""

    async def act(peer: Peer) -> None:
        await peer.say(b"220 Go ahead\r\n")
        await peer.writer.start_tls(context)
        peer.is_secure = True

    return act


def until_secure(reply: bytes, then: bytes) -> Act:
    async def act(peer: Peer) -> None:
        await peer.say(then if peer.is_secure else reply)

    return act


class Servers:
    """The scripts by address of ours; all connections by address."""

    def __init__(self) -> None:
        self.scripts: dict[str, Script] = {}
        self.default: Script = plays()
        self.peers: list[Peer] = []
        self.port = 0

    def at(self, address: str) -> list[Peer]:
        return [peer for peer in self.peers if peer.address == address]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(writer.get_extra_info("sockname")[0], reader, writer)
        self.peers.append(peer)
        try:
            await self.scripts.get(peer.address, self.default)(peer)
        except (EOFError, OSError, ValueError, asyncio.CancelledError):  # gone, or a line that never ends
            pass
        finally:
            with contextlib.suppress(OSError, RuntimeError):
                writer.close()


@asynccontextmanager
async def servers(*, with_ipv6: bool = False) -> AsyncIterator[Servers]:
    """Listen on all addresses of this machine, on one port."""
    everybody = Servers()
    listener = await asyncio.start_server(everybody.serve, "0.0.0.0", 0)
    everybody.port = listener.sockets[0].getsockname()[1]
    second = await asyncio.start_server(everybody.serve, "::", everybody.port) if with_ipv6 else listener
    try:
        yield everybody
    finally:
        listener.close()
        second.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if getattr(task.get_coro(), "__name__", "") == "serve":
                task.cancel()
        await asyncio.sleep(0.01)
