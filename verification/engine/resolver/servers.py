"""Name servers and our sockets towards them (RFC 5452: random ports, random ids, one asked server a socket)."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from verification.engine.resolver.wire import REFUSED, Question, rcode

MAX_SOCKETS = 64  # per server
MIN_SOCKETS = 4
BUSY = 4  # questions in flight per socket before another one is opened
MAX_QUESTIONS = 500  # of one socket
MAX_AGE_SECONDS = 10.0  # of one socket
MAX_STRANGERS = 50  # packets that answer nothing we asked: somebody guesses, so the port changes
MAX_TCP = 64  # at once per server, 64 kB each
SUSPECT_SECONDS = 10.0  # a server that fell silent is asked after the others
MAX_SYSTEM_RESOLVERS = 3  # as the C library does

Heard = tuple["Server", bytes]

_buffer = bytearray(65_536)  # what recv_into fills; read out before control is given back


def system_resolvers(path: Path = Path("/etc/resolv.conf")) -> tuple[tuple[str, int], ...]:
    """Give the (address, port) pairs of a resolv.conf; none when it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ()
    words = (line.split() for line in lines)
    hosts = [word[1] for word in words if len(word) > 1 and word[0] == "nameserver" and _is_address(word[1])]
    return tuple((host, 53) for host in hosts[:MAX_SYSTEM_RESOLVERS])


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class Exchange:
    """One question under way: perhaps asked several times over several sockets, all ears for the first reply."""

    __slots__ = ("_early", "_places", "_waiter", "is_refused", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.is_refused = False  # nobody listens where the last try went, so there is nothing to wait for
        self._early: Heard | None = None  # came while nobody waited
        self._waiter: asyncio.Future[Heard | None] | None = None
        self._places: list[tuple[Channel, int]] = []

    def expect(self, channel: Channel, ident: int) -> None:
        """Note where the next try goes, and under which id."""
        self._places.append((channel, ident))
        self.is_refused = False

    async def wait(self, seconds: float) -> Heard | None:
        """Give the first reply of any server that was asked; None when time is up or nobody listens."""
        if self._early is not None:
            reply, self._early = self._early, None
            return reply
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake, None)
        try:
            return await self._waiter
        finally:
            timer.cancel()

    def hear(self, reply: Heard) -> None:
        """Take a reply."""
        if not self._wake(reply):
            self._early = reply

    def refuse(self, channel: Channel) -> None:
        """Take it that nobody listens behind a socket; of interest when the last try went there."""
        if self._places[-1][0] is channel:
            self.is_refused = True
            self._wake(None)

    def _wake(self, reply: Heard | None) -> bool:
        if self._waiter is None or self._waiter.done():
            return False
        self._waiter.set_result(reply)
        return True

    def close(self) -> None:
        """Expect nothing any more."""
        for channel, ident in self._places:
            channel.forget(ident)
        self._places.clear()


class Channel:
    """One connected UDP socket: the kernel compares the source, we compare id and question."""

    __slots__ = ("_loop", "_server", "_socket", "_strangers", "asked", "is_retired", "opened_at", "waiting")

    def __init__(self, server: Server, now: float) -> None:
        """Open the socket on a port of the kernel's choice.  Raises OSError."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._socket = socket.socket(server.family, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(server.sockaddr)
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._read)
        self.waiting: dict[int, Exchange] = {}
        self.asked = 0
        self.opened_at = now
        self.is_retired = False
        self._strangers = 0

    def ask(self, exchange: Exchange) -> None:
        """Send the question under a fresh id.  Raises OSError; a full buffer counts as a lost packet."""
        ident = secrets.randbits(16)
        while ident in self.waiting:
            ident = secrets.randbits(16)
        self.waiting[ident] = exchange
        self._server.in_flight += 1
        exchange.expect(self, ident)
        self.asked += 1
        with contextlib.suppress(BlockingIOError):
            self._socket.send(exchange.question.packet(ident))

    def forget(self, ident: int) -> None:
        """End the wait under this id."""
        if self.waiting.pop(ident, None) is not None:
            self._server.in_flight -= 1
        if self.is_retired and not self.waiting:
            self.close()

    def is_worn(self, now: float) -> bool:
        """Tell whether this port has been in use for long enough."""
        worn = self.asked >= MAX_QUESTIONS or now - self.opened_at >= MAX_AGE_SECONDS
        return worn or self._strangers >= MAX_STRANGERS

    def retire(self) -> None:
        """Take no more questions; close after the last reply."""
        self.is_retired = True
        if not self.waiting:
            self.close()

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket)
            self._socket.close()

    def _read(self) -> None:
        for _ in range(64):  # then let others have the loop
            try:
                size = self._socket.recv_into(_buffer)
            except BlockingIOError:
                return
            except OSError:  # the ICMP message that nobody listens there
                for exchange in self.waiting.values():
                    exchange.refuse(self)
                return
            self._deliver(bytes(_buffer[:size]))

    def _deliver(self, packet: bytes) -> None:
        ident = int.from_bytes(packet[:2], "big")
        exchange = self.waiting.get(ident)
        if exchange is None or not exchange.question.is_answered_by(packet):
            self._strangers += 1
            return
        self.forget(ident)
        exchange.hear((self._server, packet))


class Server:
    """One name server, how it fares, and its sockets.  Times are those of the resolver's clock."""

    def __init__(self, host: str, port: int, clock: Callable[[], float]) -> None:
        """Raises ValueError when the host is no IP address."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        except (socket.gaierror, OverflowError) as error:
            raise ValueError(f"name server {host!r} port {port!r} is no address and port") from error
        self.family: int = found[0][0]
        self.sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes] = found[0][4]
        self._host, self._port = host, port
        self.name = host if port == 53 else f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.heard_at = float("-inf")  # any reply
        self.worked_at = float("-inf")  # a reply other than REFUSED
        self._suspect_until = float("-inf")
        self._clock = clock
        self._channels: list[Channel] = []
        self._control: asyncio.Task[None] | None = None
        self.in_flight = 0
        self._tcp = asyncio.Semaphore(MAX_TCP)

    def is_suspect(self, now: float) -> bool:
        """Tell whether the server fell silent a short while ago."""
        return self._suspect_until > now

    def note_silence(self, asked_at: float, now: float) -> None:
        """A question of `asked_at` had no reply: suspect, unless another one had."""
        if self.heard_at < asked_at:
            self._suspect_until = now + SUSPECT_SECONDS

    def note_reply(self, now: float, *, worked: bool) -> None:
        self.heard_at = now
        self._suspect_until = float("-inf")
        if worked:
            self.worked_at = now

    def send(self, exchange: Exchange) -> bool:
        """Ask over UDP; the exchange hears the reply.  False when nothing could be sent."""
        try:
            self._channel().ask(exchange)
        except OSError:  # no route, nobody there, or no socket left
            return False
        return True

    async def ask_tcp(self, question: Question, seconds: float) -> Heard | None:
        """Ask over TCP (RFC 7766); None when there is no whole answer to this question in time, however it drips."""
        ident = secrets.randbits(16)
        packet = question.packet(ident)
        try:
            async with asyncio.timeout(seconds), self._tcp:
                answer = await self._talk(len(packet).to_bytes(2, "big") + packet)
        except (OSError, EOFError, TimeoutError):
            return None
        if int.from_bytes(answer[:2], "big") != ident or not question.is_answered_by(answer):
            return None
        return self, answer

    async def _talk(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(request)
            size = int.from_bytes(await reader.readexactly(2), "big")
            return await reader.readexactly(size)
        finally:
            writer.transport.abort()

    def control(self, question: Question, seconds: float) -> asyncio.Task[None]:
        """Ask what the server must know, once for all who doubt it now; `heard_at` and `worked_at` tell the outcome."""
        if self._control is None or self._control.done():
            self._control = asyncio.get_running_loop().create_task(self._ask_control(question, seconds))
        return self._control

    async def _ask_control(self, question: Question, seconds: float) -> None:
        exchange = Exchange(question)
        try:
            heard = await exchange.wait(seconds) if self.send(exchange) else None
        finally:
            exchange.close()
        if heard is not None:
            self.note_reply(self._clock(), worked=rcode(heard[1]) != REFUSED)

    async def aclose(self) -> None:
        """Close all sockets."""
        if self._control is not None:
            self._control.cancel()
            await asyncio.gather(self._control, return_exceptions=True)
        for channel in self._channels:
            channel.close()
        self._channels.clear()

    def _channel(self) -> Channel:
        """Pick a socket at random, a new one in place of a worn one or under load.  Raises OSError."""
        now = self._clock()
        while True:
            count = len(self._channels)
            if count < MIN_SOCKETS or (count < MAX_SOCKETS and self.in_flight > BUSY * count):
                self._open(now)
            channel = random.choice(self._channels)
            if not channel.is_worn(now):
                return channel
            self._channels.remove(channel)
            channel.retire()

    def _open(self, now: float) -> None:
        """Open one more socket; where that fails, those we have must do.  Raises OSError when there is none."""
        try:
            self._channels.append(Channel(self, now))
        except OSError:  # no route, or too many open files
            if not self._channels:
                raise
