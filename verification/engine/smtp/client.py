"""One connection to a mail server: moves bytes between a socket and a Dialogue, within bounds of time and size."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from verification.engine.smtp.dialogue import Dialogue, Heard, OutOfStep, Phase, Recipient
from verification.engine.smtp.replies import Endless, Reply, ReplyReader
from verification.engine.types import Stage, Trouble

READ_ENOUGH = 128 * 1024  # bytes after which a connection takes no new group; the hard bound is twice that

_NO_ROUTE = {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT}
_OUR_LIMITS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait, at most."""

    connect: float = 15.0
    greeting: float = 40.0  # some servers let strangers wait for up to 35 s
    reply: float = 45.0
    handshake: float = 20.0
    quit: float = 2.0
    settle: float = 0.3  # for replies too many of a server that cannot count; see Session


DEFAULT_PATIENCE = Patience()


class Owner(Protocol):
    """Who gives a session its work and hears what came of it."""

    def next_group(self, session: Session) -> tuple[Sequence[Recipient], bytes, bool]:
        """Give the next recipients, their MAIL line, and whether they are the last; none: the session says goodbye."""

    def heard(self, session: Session, answers: list[Heard]) -> None:
        """Take the answers of a group, or a part of it."""


class Session(asyncio.Protocol):
    """A dialogue over a socket.  `trouble` tells how it ended when not by itself.

    Answers are handed on only when nothing is outstanding, so that a reply too many spoils none of them; `careful`, it
    goes step by step and lets each reply settle first.
    """

    def __init__(
        self,
        owner: Owner,
        helo: str,
        *,
        starts_tls: bool = False,
        careful: bool = False,
        server_name: str = "",
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._owner = owner
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._server_name = server_name
        self._reader = ReplyReader()
        self._answers: list[Heard] = []  # heard, not handed on
        self._spoiled: list[Recipient] = []  # had answers that cannot be trusted
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._limit = 0.0
        self._handshake: asyncio.Task[None] | None = None
        self._settles = patience.settle if careful else 0.0
        self._pause: asyncio.TimerHandle | None = None
        self.dialogue = Dialogue(helo, starts_tls=starts_tls, stepwise=careful)
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.trouble = Trouble.NONE
        self.trouble_stage = Stage.CONNECT
        self.failure: Exception | None = None  # a bug of ours, which must not look like one of theirs
        self.tls = ""
        self.source = ""
        self.served = 0  # recipients answered
        self.refused = False  # the last answers refused us, not the recipients
        self.sent_at = self._loop.time()

    async def run(self, host: str, port: int, source: str = "") -> None:
        """Connect and stay until the connection is closed; what went wrong is in `trouble`."""
        try:
            async with asyncio.timeout(self._patience.connect):
                await self._loop.create_connection(lambda: self, host, port, local_addr=(source, 0) if source else None)
        except OSError as error:
            self._note(connect_trouble(error), Stage.CONNECT)
            return
        await self.closed

    @property
    def stage(self) -> Stage:
        """Tell what is being waited for."""
        return self.dialogue.stage if self._transport else Stage.CONNECT

    @property
    def unanswered(self) -> list[Recipient]:
        """Give those asked for whose answer was not handed on."""
        return [*self._spoiled, *(heard.recipient for heard in self._answers), *self.dialogue.unanswered]

    @property
    def is_doubtful(self) -> bool:
        """Tell whether nothing heard of the last group counts, though nobody refused us or hung up in mid group."""
        lost = self.trouble not in (Trouble.NONE, Trouble.GARBAGE)
        return self.dialogue.is_unconfirmed and self.dialogue.refusal is None and not lost

    def heard_of(self, recipient: Recipient) -> Reply | None:
        """Give the answer that waits for the rest of its group."""
        return next((heard.reply for heard in self._answers if heard.recipient is recipient), None)

    @property
    def takes_more(self) -> bool:
        return self._reader.bytes_seen < READ_ENOUGH

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        address = transport.get_extra_info("sockname")
        self.source = address[0] if address else ""
        self._allow(self._patience.greeting)

    def data_received(self, data: bytes) -> None:
        if self.closed.done() or self._handshake is not None:
            return  # what comes in clear after STARTTLS's 220 belongs to nobody
        try:
            self._listen(data)
        except Endless:
            self.abort(Trouble.ENDLESS)
        except OutOfStep:
            self._doubt()
            self.abort(Trouble.GARBAGE)
        except Exception as error:  # noqa: BLE001 - kept for those who wait, see Line
            self.failure = error
            self.abort(Trouble.NONE)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost makes no difference
        if self.dialogue.phase not in (Phase.QUITTING, Phase.OVER):
            self._note(Trouble.RESET, self.dialogue.stage)
        self._finish()

    def abort(self, trouble: Trouble) -> None:
        """Drop the connection."""
        self._note(trouble, self.stage)
        if self._handshake is not None:
            self._handshake.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._finish()

    def _listen(self, data: bytes) -> None:
        dialogue = self.dialogue
        replies = self._reader.feed(data)
        if replies:
            self._allow(self._patience.reply)
        for reply in replies:
            if dialogue.phase is Phase.OVER:
                break  # some say 421 again to each command that was under way
            heard = dialogue.hear(reply)
            if heard is not None:
                self._answers.append(heard)
        if dialogue.phase is Phase.OVER:
            self._hand_on()
            self._close()
        elif dialogue.waits and dialogue.phase is Phase.QUITTING:
            self._allow(self._patience.quit)
        elif not dialogue.waits:
            if self._reader.pending:
                raise OutOfStep("bytes in reply to nothing")
            if self._settles:
                self._pause = self._loop.call_later(self._settles, self._go_on)
            else:
                self._go_on()

    def _go_on(self) -> None:
        self._hand_on()
        dialogue = self.dialogue
        if dialogue.phase is Phase.HANDSHAKE:
            self._allow(self._patience.handshake)
            self._handshake = self._loop.create_task(self._secure())
            return
        if dialogue.phase is Phase.READY:
            recipients, mail, last = self._owner.next_group(self)
            if recipients:
                dialogue.ask(recipients, mail, last=last)
            else:
                dialogue.quit()
        self._send(dialogue.speak())

    def _send(self, data: bytes) -> None:
        if self._transport is None or not data:
            return
        seconds = self._patience.quit if self.dialogue.phase is Phase.QUITTING else self._patience.reply
        self._allow(seconds)
        self.sent_at = self._loop.time()
        self._transport.write(data)

    def _allow(self, seconds: float) -> None:
        """Set the time by which the next replies must be complete; the one timer is moved only when it is too late."""
        self._limit = self._loop.time() + seconds
        if self._timer is None or self._timer.when() > self._limit + 1:
            self._cancel_timer()
            self._timer = self._loop.call_later(seconds, self._on_timer)

    def _on_timer(self) -> None:
        left = self._limit - self._loop.time()
        if left > 0.01:
            self._timer = self._loop.call_later(left, self._on_timer)
        elif self.dialogue.phase is Phase.QUITTING:
            self._close()
        else:
            self.abort(Trouble.TIMEOUT if self._handshake is None else Trouble.TLS)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hand_on(self) -> None:
        if self._answers:
            answers, self._answers = self._answers, []
            self.served += len(answers)
            self._owner.heard(self, answers)

    def _doubt(self) -> None:
        """Take back what was heard of the group."""
        self._spoiled += [heard.recipient for heard in self._answers]
        self._answers.clear()

    async def _secure(self) -> None:
        assert self._transport is not None
        try:
            transport = await self._loop.start_tls(
                self._transport, self, _tls_context(), server_hostname=self._server_name or None
            )
        except OSError:  # SSLError and lost connections among them
            self._handshake = None
            self.abort(Trouble.TLS)
            return
        self._handshake = None
        if transport is None or self.closed.done():
            self.abort(Trouble.TLS)
            return
        self._transport = transport
        self.tls = _describe(transport)
        self.dialogue.secured()
        self._go_on()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        self._finish()

    def _note(self, trouble: Trouble, stage: Stage) -> None:
        if self.trouble or not trouble or self.closed.done():
            return
        self.trouble_stage = stage
        # A server that talked nonsense before it fell silent is not slow, it is not understood.
        self.trouble = Trouble.GARBAGE if self._reader.damaged and stage is not Stage.CONNECT else trouble

    def _finish(self) -> None:
        self._cancel_timer()
        if self._pause is not None:
            self._pause.cancel()
        if not self.closed.done():
            if self.is_doubtful:
                self._doubt()
            self._hand_on()
            self.closed.set_result(None)


def connect_trouble(error: OSError) -> Trouble:
    """Tell what a failed connect means."""
    if isinstance(error, TimeoutError):
        return Trouble.TIMEOUT
    if error.errno in _NO_ROUTE:
        return Trouble.NO_ROUTE
    if error.errno in _OUR_LIMITS:
        return Trouble.DEADLINE
    if isinstance(error, ConnectionResetError):
        return Trouble.RESET
    return Trouble.REFUSED


def _tls_context() -> ssl.SSLContext:
    """Give a context that takes any certificate: ours is a question, not a secret; what was shown is recorded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _describe(transport: asyncio.Transport) -> str:
    tls = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert(True) if tls else None
    if not certificate:
        return "TLS"
    return f"{tls.version()} certificate sha256:{hashlib.sha256(certificate).hexdigest()}"
