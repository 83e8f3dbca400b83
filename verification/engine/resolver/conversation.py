"""How one question is put: repeated, fallen over from server to server, and what a silence means in the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from verification.engine.resolver import wire
from verification.engine.resolver.reply import Budget, DnsReply, DnsStatus
from verification.engine.resolver.servers import Exchange, Server
from verification.engine.resolver.wire import Malformed, Question, Reading

TRY_SECONDS = (2.0, 3.0, 5.0)  # patience of each of the tries, over UDP or TCP
LEAST_SECONDS, MOST_SECONDS, MOST_NEGATIVE_SECONDS = 10, 3_600, 900  # a TTL is held within these
FAILURE_SECONDS = 60  # failures are remembered, too, for at most 5 minutes (RFC 9520 section 3.2)

REFUSAL = wire.RCODES[wire.REFUSED]

Heard = tuple[Server, bytes]
Outcome = tuple[DnsReply, int]  # a reply and for how many seconds to remember it, 0: not at all


@dataclass(frozen=True, slots=True)
class Manners:
    """What all conversations of a resolver share."""

    clock: Callable[[], float]
    slots: asyncio.Semaphore
    try_seconds: tuple[float, ...]


class Conversation:
    """One question to some servers."""

    __slots__ = (
        "_budget",
        "_exchange",
        "_failure",
        "_manners",
        "_over_tcp",
        "_question",
        "_queue",
        "_servers",
        "_zone",
    )

    def __init__(
        self, question: Question, servers: tuple[Server, ...], zone: str, budget: Budget, manners: Manners
    ) -> None:
        self._question = question
        self._servers = servers
        self._zone = zone
        self._budget = budget
        self._manners = manners
        self._exchange = Exchange(question)
        self._queue: deque[Server] = deque()
        self._failure: tuple[Server, str] | None = None
        self._over_tcp = False

    async def run(self) -> Outcome:
        """Ask until there is an answer, no server left, or no try left."""
        started = self._manners.clock()
        self._queue.extend(sorted(self._servers, key=lambda server: server.is_suspect(started)))
        try:
            for seconds in self._manners.try_seconds:
                if not self._queue:
                    break
                if not self._budget.take():
                    return DnsReply(DnsStatus.EXHAUSTED, detail="questions for the DNS used up"), 0
                outcome = self._listen(await self._ask(seconds))
                if outcome is not None:
                    return outcome
            return await self._give_up(started)
        finally:
            self._exchange.close()

    async def _ask(self, seconds: float) -> Heard | None:
        server = self._queue.popleft()
        self._queue.append(server)
        async with self._manners.slots:
            asked_at = self._manners.clock()
            if self._over_tcp:
                heard = await server.ask_tcp(self._question, seconds)
            else:
                heard = await server.ask_udp(self._exchange, seconds)
        if heard is None:
            server.note_silence(asked_at, self._manners.clock())
        return heard

    def _listen(self, heard: Heard | None) -> Outcome | None:
        """Make something of a reply; None when the next try has to tell."""
        if heard is None:
            return None
        server, packet = heard
        refuses = wire.rcode(packet) == wire.REFUSED
        server.note_reply(self._manners.clock(), worked=not refuses)
        try:
            reading = wire.read(packet, self._question)
        except Malformed as fault:
            self._set_aside(server, f"malformed answer ({fault})")
            return None
        if reading.truncated:
            self._over_tcp = True
            self._put_first(server)
            return None
        if problem := _problem(reading):
            self._set_aside(server, problem)
            return None
        return _outcome(reading, server.name)

    def _put_first(self, server: Server) -> None:
        if server in self._queue:
            self._queue.remove(server)
        self._queue.appendleft(server)

    def _set_aside(self, server: Server, problem: str) -> None:
        """Ask this server no more; a refusal counts less than what another one said."""
        if server in self._queue:
            self._queue.remove(server)
        if self._failure is None or problem != REFUSAL:
            self._failure = (server, problem)

    async def _give_up(self, started: float) -> Outcome:
        """Say whose fault it is that there is no answer: the zone's, unless our servers answer nobody."""
        seconds = sum(self._manners.try_seconds)
        if self._failure is not None:
            server, problem = self._failure
            works = problem != REFUSAL or await self._any(lambda one: one.worked_at, started - seconds)
            status = DnsStatus.SERVFAIL if works else DnsStatus.SILENT
            detail = f"{problem} from {server.name}"
            return DnsReply(status, server=server.name, detail=detail), FAILURE_SECONDS if works else 0
        names = ", ".join(server.name for server in self._servers)
        if await self._any(lambda one: one.heard_at, started):
            detail = "truncated, and no whole answer over TCP" if self._over_tcp else f"no answer in {seconds:g} s"
            return DnsReply(DnsStatus.TIMEOUT, server=names, detail=f"{detail} from {names}"), FAILURE_SECONDS
        return DnsReply(DnsStatus.SILENT, server=names, detail=f"nothing at all from {names}"), 0

    async def _any(self, last: Callable[[Server], float], since: float) -> bool:
        """Tell whether a server answered somebody since then; if none did, ask what each of them must know.

        That is the zone they are configured for, else the top-level domain: also a server of one zone answers that.
        """
        if any(last(server) >= since for server in self._servers):
            return True
        name = self._zone or self._question.name.rpartition(".")[2]
        control = Question.of(name, "NS")
        asked = [server.control(control) for server in self._servers if self._budget.take()]
        await asyncio.gather(*(asyncio.shield(task) for task in asked))
        return any(last(server) >= since for server in self._servers)


def _problem(reading: Reading) -> str:
    """Say what keeps a reply from being an answer, "" for an answer."""
    if reading.is_referral:
        return "referral"
    if reading.rcode in (wire.NOERROR, wire.NXDOMAIN):
        return ""
    return wire.RCODES.get(reading.rcode, f"RCODE {reading.rcode}")


def _outcome(reading: Reading, server: str) -> Outcome:
    if reading.records or reading.alias:
        reply = DnsReply(DnsStatus.OK, reading.records, server, alias=reading.alias)
        return reply, min(max(reading.ttl, LEAST_SECONDS), MOST_SECONDS)
    status = DnsStatus.NXDOMAIN if reading.rcode == wire.NXDOMAIN else DnsStatus.NODATA
    reply = DnsReply(status, server=server, detail=f"{status.name} from {server}")
    return reply, min(max(reading.ttl, LEAST_SECONDS), MOST_NEGATIVE_SECONDS)
