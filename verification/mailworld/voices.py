"""How replies get onto the wire: at once, late, byte by byte, amid garbage, or never whole."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from verification.engine.scenarios.table import Manner

_BATCH_SECONDS = 0.0005  # what falls due within this time goes out in one turn of the loop
_BYTE_SECONDS = 0.001
_TARPIT_SECONDS = 10.0
_CHATTER_SECONDS = 0.01
_CHATTER = b"".join(b"220-" + bytes((letter,)) * 72 + b"\r\n" for letter in range(65, 91))
_NOISE = b"\x00\x00\x00\x1b[2J \xff\xfe\xc3\x28\x80 \x00"

SPEECHLESS = frozenset({Manner.TARPIT, Manner.SILENT, Manner.CHATTY})
Act = Callable[[], None]


class DelayLine:
    """Acts that wait equally long: one queue and one timer for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._loop = loop
        self._seconds = seconds
        self._waiting: deque[tuple[float, Act]] = deque()

    def add(self, act: Act) -> None:
        due = self._loop.time() + self._seconds
        if not self._waiting:
            self._loop.call_at(due, self._run)
        self._waiting.append((due, act))

    def _run(self) -> None:
        now = self._loop.time() + _BATCH_SECONDS
        while self._waiting and self._waiting[0][0] <= now:
            self._waiting[0][1]()
            self._waiting.popleft()  # only now, so that an act that adds does not start a second timer
        if self._waiting:
            self._loop.call_at(self._waiting[0][0], self._run)


class Bytewise:
    """Sends one byte a millisecond, then acts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.WriteTransport) -> None:
        self._loop = loop
        self._transport = transport
        self._waiting: deque[bytes | Act] = deque()

    def say(self, data: bytes, then: Act | None) -> None:
        idle = not self._waiting
        self._waiting.extend(data[at : at + 1] for at in range(len(data)))
        if then:
            self._waiting.append(then)
        if idle and self._waiting:
            self._next()

    def _next(self) -> None:
        if self._transport.is_closing():
            self._waiting.clear()
            return
        item = self._waiting.popleft()
        if isinstance(item, bytes):
            self._transport.write(item)
        else:
            item()
        if self._waiting:
            self._loop.call_later(_BYTE_SECONDS, self._next)


def amid_garbage(reply: bytes) -> bytes:
    """Put NUL bytes, 8-bit noise and a 10,000-character line around an honest reply, as lines of the same code."""
    mark = reply[:3] + b"-"
    return mark + _NOISE + b"\r\n" + mark + b"x" * 10_000 + b"\r\n" + reply[:-2] + _NOISE + b"\r\n"


def drip(loop: asyncio.AbstractEventLoop, transport: asyncio.WriteTransport) -> None:
    """Greet with one byte every 10 s, for ever."""
    endless = _CHATTER[:76]

    def next_byte(at: int) -> None:
        if not transport.is_closing():
            transport.write(endless[at % 76 : at % 76 + 1])
            loop.call_later(_TARPIT_SECONDS, next_byte, at + 1)

    next_byte(0)


def chatter(loop: asyncio.AbstractEventLoop, transport: asyncio.WriteTransport) -> None:
    """Greet without end, as fast as the other side reads but 200 kB a second at most."""
    if transport.is_closing():
        return
    if transport.get_write_buffer_size() < len(_CHATTER):
        transport.write(_CHATTER)
    loop.call_later(_CHATTER_SECONDS, chatter, loop, transport)
