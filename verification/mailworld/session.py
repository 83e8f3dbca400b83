"""One connection to a server of the mail world."""

from __future__ import annotations

import asyncio
import socket
import struct
from functools import partial
from typing import TYPE_CHECKING, cast

from verification.engine.scenarios.table import Manner
from verification.engine.types import Stage
from verification.mailworld import voices
from verification.mailworld.addresses import Place
from verification.mailworld.certificate import server_context
from verification.mailworld.dialogue import Dialogue, Ending

if TYPE_CHECKING:
    from verification.mailworld.world import World

_LONGEST_LINE = 4_096
_RESET_SECONDS = 0.01
_NO_LINGER = struct.pack("ii", 1, 0)  # close sends RST


class Session(asyncio.Protocol):
    """Carries lines to a dialogue, and its replies back: those to one piece of input in one write."""

    __slots__ = (
        "_bytewise",
        "_delay",
        "_dialogue",
        "_manner",
        "_peer",
        "_place",
        "_rest",
        "_tls",
        "_transport",
        "_world",
        "heard_at",
        "number",
    )
    _transport: asyncio.Transport
    _dialogue: Dialogue

    def __init__(self, world: World, place: Place) -> None:
        self._world = world
        self._place = place
        self._manner = place.scenario.manner
        self._delay = world.delay_line(place.delay_ms)
        self._bytewise: voices.Bytewise | None = None
        self._rest = b""
        self._peer = ""
        self._tls: asyncio.Task[None] | None = None
        self.number = 0
        self.heard_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        world, scenario = self._world, self._place.scenario
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        world.opened(self)
        if world.journal or scenario.parameter == "s":
            self._peer = _peer_of(self._transport)
        self._dialogue = Dialogue(scenario, world.greylist, self._peer.rpartition(":")[0])
        self._note("open", b"")
        if self._manner is Manner.BYTEWISE:
            self._bytewise = voices.Bytewise(world.loop, self._transport)
        if self._manner is Manner.TARPIT:
            voices.drip(world.loop, self._transport)
        elif self._manner is Manner.CHATTY:
            voices.chatter(world.loop, self._transport)
        elif self._manner is not Manner.SILENT:
            self._say([self._dialogue.greet()])

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._world.loop.time()
        dialogue, journal = self._dialogue, self._world.journal
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        out = []
        for line in lines:
            if dialogue.ending is not Ending.NONE:
                break  # after STARTTLS, too: what was sent in clear ahead of it is dropped (RFC 3207 section 6)
            if journal:
                self._note("command", line + b"\n")
            if self._manner not in voices.SPEECHLESS:
                out.append(dialogue.hear(line.rstrip(b"\r")))
        if len(self._rest) > _LONGEST_LINE and dialogue.ending is Ending.NONE:
            out.append(dialogue.refuse_line())
        if dialogue.ending is not Ending.NONE:
            self._rest = b""
        if out:
            self._say(out)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if self._rest:
            self._note("command", self._rest)
        self._note("close", self._dialogue.reason)
        self._world.closed(self)

    def abort(self, reason: bytes) -> None:
        self._dialogue.reason = reason
        self._transport.abort()

    def _say(self, replies: list[bytes]) -> None:
        if self._manner is Manner.GARBAGE:
            replies = [voices.amid_garbage(reply) for reply in replies]
        data, ending = b"".join(replies), self._dialogue.ending
        if self._delay is None:
            self._send(data, ending)
        else:
            self._delay.add(partial(self._send, data, ending))

    def _send(self, data: bytes, ending: Ending) -> None:
        then = partial(self._finish, ending) if ending is not Ending.NONE else None
        if self._bytewise is not None:
            self._bytewise.say(data, then)
            return
        if not self._transport.is_closing():
            self._transport.write(data)
        if then is not None:
            then()

    def _finish(self, ending: Ending) -> None:
        if self._transport.is_closing():
            return
        if ending is Ending.CLOSE:
            self._transport.close()
        elif ending is Ending.TLS:
            self._tls = self._world.loop.create_task(self._secure())
        elif self._place.scenario.resets_at is Stage.CONNECT:
            self._reset()
        else:  # a little later, so that what was said before can be heard
            self._world.loop.call_later(_RESET_SECONDS, self._reset)

    def _reset(self) -> None:
        if not self._transport.is_closing():
            connection: socket.socket = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._transport.abort()

    async def _secure(self) -> None:
        plain = self._transport
        try:
            secured = await self._world.loop.start_tls(plain, self, server_context(), server_side=True)
        except OSError as problem:  # the other side left, or speaks no TLS
            self._dialogue.reason = f"tls: {problem}".encode("ascii", "replace")[:200]
            plain.abort()
            return
        self._transport = cast("asyncio.Transport", secured)
        self._dialogue.secured()

    def _note(self, event: str, detail: bytes) -> None:
        if self._world.journal:
            self._world.journal.note(event, self.number, self._place.address, self._peer, detail)


def _peer_of(transport: asyncio.Transport) -> str:
    host, port = transport.get_extra_info("peername") or ("", 0)
    return f"{host}:{port}"
