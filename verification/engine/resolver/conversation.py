"""How one question is put: repeated, fallen over from server to server, and what a silence means in the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from verification.engine.resolver import wire
from verification.engine.resolver.reply import Budget, DnsReply, DnsStatus
from verification.engine.resolver.servers import Exchange, Heard, Server
from verification.engine.resolver.wire import Malformed, Question, Reading

TRY_SECONDS = (2.0, 3.0, 5.0)  # patience of each of the tries, over UDP or TCP
FRESH_SECONDS = 0.25  # by then a name server has read the packet
LEAST_SECONDS, MOST_SECONDS, MOST_NEGATIVE_SECONDS = 10, 3_600, 900  # a TTL is held within these
FAILURE_SECONDS = 60  # failures are remembered, too, for at most 5 minutes (RFC 9520 section 3.2)

REFUSAL = wire.RCODES[wire.REFUSED]

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
        asked_at = self._manners.clock()
        if self._over_tcp:
            heard = await server.ask_tcp(self._question, seconds)
        else:
            heard = await self._ask_udp(server, seconds)
        if heard is None:
            server.note_silence(asked_at, self._manners.clock())
        return heard

    async def _ask_udp(self, server: Server, seconds: float) -> Heard | None:
        """Hold a slot while the question is fresh: many in one burst are lost, slow zones must not hold up others."""
        async with self._manners.slots:
            if not server.send(self._exchange):
                return None
            heard = await self._exchange.wait(min(seconds, FRESH_SECONDS))
        if heard is None and seconds > FRESH_SECONDS and not self._exchange.is_refused:
            heard = await self._exchange.wait(seconds - FRESH_SECONDS)
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
        """Say whose fault it is that there is no answer."""
        seconds = sum(self._manners.try_seconds)
        if self._failure is not None:
            server, problem = self._failure
            status = DnsStatus.SERVFAIL
            if problem == REFUSAL:
                status = await self._unless_ours(status, lambda one: one.worked_at, started - seconds)
            reply = DnsReply(status, server=server.name, detail=f"{problem} from {server.name}")
        else:
            status = await self._unless_ours(DnsStatus.TIMEOUT, lambda one: one.heard_at, started)
            names = ", ".join(server.name for server in self._servers)
            problem = "truncated, and no whole answer over TCP" if self._over_tcp else f"no answer in {seconds:g} s"
            if status is DnsStatus.SILENT:
                problem = "no answer to anything"
            reply = DnsReply(status, server=names, detail=f"{problem} from {names}")
        is_theirs = status in (DnsStatus.SERVFAIL, DnsStatus.TIMEOUT)
        return reply, FAILURE_SECONDS if is_theirs else 0

    async def _unless_ours(self, theirs: DnsStatus, last: Callable[[Server], float], since: float) -> DnsStatus:
        """Give `theirs` when a server of ours answered somebody since then, else SILENT.

        If none did, each is asked what it must know: the zone it is configured for, else the top-level domain, which
        a server of a few zones answers, too.  EXHAUSTED: there is no question left to find out.
        """
        if any(last(server) >= since for server in self._servers):
            return theirs
        control = Question.of(self._zone or self._question.name.rpartition(".")[2], "NS")
        patience = self._manners.try_seconds[0]
        asked = [server.control(control, patience) for server in self._servers if self._budget.take()]
        if not asked:
            return DnsStatus.EXHAUSTED
        await asyncio.gather(*(asyncio.shield(task) for task in asked))
        return theirs if any(last(server) >= since for server in self._servers) else DnsStatus.SILENT


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
