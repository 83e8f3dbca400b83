"""The resolver: remembers, asks each question once at a time, follows CNAMEs, keeps the bounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from verification.engine.config import EngineConfig
from verification.engine.resolver import wire
from verification.engine.resolver.cache import Cache, Key
from verification.engine.resolver.conversation import TRY_SECONDS, Conversation, Manners
from verification.engine.resolver.reply import Budget, DnsReply, DnsStatus
from verification.engine.resolver.servers import Server, system_resolvers
from verification.engine.resolver.wire import NameUnfit, Question

MAX_FRESH = 250  # questions in one burst: more overrun the socket buffer of an ordinary resolver (208 kB)
MAX_WEIGHT = 60_000  # of the cache

Servers = tuple[Server, ...]


class Resolver:
    """Ask our name servers.  One event loop; any number of questions at once."""

    def __init__(
        self,
        config: EngineConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        try_seconds: tuple[float, ...] = TRY_SECONDS,
    ) -> None:
        """Without resolvers in the configuration those of the system are asked.  Raises ValueError on a bad address."""
        self._clock = clock
        self._manners = Manners(clock, asyncio.Semaphore(MAX_FRESH), try_seconds)
        self._known: dict[tuple[str, int], Server] = {}
        self._general = self._servers(config.resolvers or system_resolvers())
        self._zones = {zone.strip(".").lower(): self._servers(pairs) for zone, pairs in config.zone_resolvers.items()}
        self._cache = Cache(MAX_WEIGHT)
        self._flights: dict[Key, asyncio.Task[DnsReply]] = {}

    def _servers(self, pairs: tuple[tuple[str, int], ...]) -> Servers:
        return tuple(self._known.setdefault(pair, Server(*pair, self._clock)) for pair in dict.fromkeys(pairs))

    async def ask(self, name: str, rdtype: str, budget: Budget) -> DnsReply:
        """Ask for the records of a name (A-labels), CNAMEs followed.  Raises nothing but CancelledError."""
        name = name.lower().rstrip(".")
        seen = [name]
        while len(seen) <= wire.MAX_ALIASES + 1:
            reply = self._cache.get((name, rdtype), self._clock()) or await self._wait(name, rdtype, budget)
            if not reply.alias:
                return reply
            name = reply.alias
            if name in seen:
                return DnsReply(DnsStatus.SERVFAIL, server=reply.server, detail=f"CNAME loop at {name}")
            seen.append(name)
        return DnsReply(DnsStatus.SERVFAIL, detail="too many CNAME records in a row")

    def begin(self, name: str, rdtype: str, budget: Budget) -> None:
        """Send a question whose answer will be asked for in a moment."""
        key = (name.lower().rstrip("."), rdtype)
        if key not in self._flights and self._cache.get(key, self._clock()) is None:
            self._launch(*key, budget)

    async def aclose(self) -> None:
        """Close all sockets; questions under way end as SILENT."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        for server in self._known.values():
            await server.aclose()

    async def _wait(self, name: str, rdtype: str, budget: Budget) -> DnsReply:
        budget.begin(self._clock())
        try:
            while True:
                flight = self._flights.get((name, rdtype))
                if flight is None:
                    launched = self._launch(name, rdtype, budget)
                    return launched if isinstance(launched, DnsReply) else await _outcome(launched)
                reply = await _outcome(flight)
                if reply.status is not DnsStatus.EXHAUSTED:  # the empty purse of another is no answer for us
                    return reply
        finally:
            budget.end(self._clock())

    def _launch(self, name: str, rdtype: str, budget: Budget) -> asyncio.Task[DnsReply] | DnsReply:
        """Begin the flight that all who ask the same wait for; it outlives the caller that began it."""
        zone, servers = self._route(name)
        if not servers:
            return DnsReply(DnsStatus.SILENT, detail="no name server configured")
        if budget.is_spent(self._clock()):
            return DnsReply(DnsStatus.EXHAUSTED, detail="questions or time for the DNS used up")
        try:
            question = Question.of(name, rdtype)
        except NameUnfit:
            return DnsReply(DnsStatus.NXDOMAIN, detail="longer than a domain name can be")
        key = (name, rdtype)
        conversation = Conversation(question, servers, zone, budget, self._manners)
        flight = asyncio.get_running_loop().create_task(self._fly(conversation, key))
        self._flights[key] = flight
        return flight

    async def _fly(self, conversation: Conversation, key: Key) -> DnsReply:
        try:
            reply, ttl = await conversation.run()
            if ttl:
                self._cache.put(key, reply, self._clock() + ttl)
            return reply
        finally:
            del self._flights[key]

    def _route(self, name: str) -> tuple[str, Servers]:
        """Give the longest zone with servers of its own that the name lies in ("": none), and the servers to ask."""
        if self._zones:
            labels = name.split(".")
            for start in range(len(labels)):
                zone = ".".join(labels[start:])
                if zone in self._zones:
                    return zone, self._zones[zone]
        return "", self._general


async def _outcome(flight: asyncio.Task[DnsReply]) -> DnsReply:
    try:
        return await asyncio.shield(flight)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if flight.cancelled() and task is not None and not task.cancelling():
            return DnsReply(DnsStatus.SILENT, detail="resolver closed")
        raise
