"""Mail hosts and their addresses, looked up once for all who ask for the same at about the same time."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from verification.engine import mail_hosts
from verification.engine.mail_hosts import HostAddresses, MailHosts, MxHost
from verification.engine.memory import Memory
from verification.engine.network import Guard
from verification.engine.resolver import Budget, Resolver
from verification.engine.types import MailHostsOutcome

REMEMBER_SECONDS = 10.0  # far below any sensible TTL; the resolver keeps the records for as long as they hold
MAX_REMEMBERED = 10_000
MAX_ADDRESSES = 20  # tried for one recipient, over all hosts

Found = TypeVar("Found", MailHosts, HostAddresses)


class Directory:
    """Asks the resolver; followers of a question under way wait for its leader."""

    def __init__(self, resolver: Resolver, guard: Guard, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._resolver = resolver
        self._guard = guard
        self._domains: _Shared[MailHosts] = _Shared(clock)
        self._hosts: _Shared[HostAddresses] = _Shared(clock)

    def known(self, ascii_domain: str) -> MailHosts | None:
        """Give the mail hosts found a moment ago."""
        return self._domains.known(ascii_domain)

    def known_addresses(self, host: MxHost) -> HostAddresses | None:
        """Give the addresses found a moment ago."""
        return self._hosts.known(host.name)

    async def find(self, ascii_domain: str, budget: Budget, *, ahead: bool = False) -> MailHosts:
        """Find the mail hosts of a domain; `ahead`: and the first one's addresses, so that nobody waits twice."""
        return await self._domains.get(ascii_domain, budget, lambda: self._find(ascii_domain, budget, ahead=ahead))

    async def _find(self, ascii_domain: str, budget: Budget, *, ahead: bool) -> MailHosts:
        found = await mail_hosts.find(self._resolver, ascii_domain, budget)
        if ahead and found.hosts:
            await self.addresses(found.hosts[0], budget)
        return found

    async def addresses(self, host: MxHost, budget: Budget) -> HostAddresses:
        """Find the addresses of a host; who asks counts how many are tried."""
        return await self._hosts.get(host.name, budget, lambda: self._addresses(host, budget))

    async def _addresses(self, host: MxHost, budget: Budget) -> HostAddresses:
        budget.addresses = MAX_ADDRESSES
        return await mail_hosts.addresses(self._resolver, self._guard, host, budget)


class _Shared(Generic[Found]):
    """Answers by name: one asks, the others get the same; what was found is remembered for a moment."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: Memory[str, tuple[float, Found]] = Memory(MAX_REMEMBERED)
        self._followers: dict[str, list[asyncio.Future[tuple[Found, Budget | None] | None]]] = {}

    def known(self, name: str) -> Found | None:
        known = self._known.get(name)
        return known[1] if known is not None and known[0] > self._clock() else None

    async def get(self, name: str, budget: Budget, ask: Callable[[], Awaitable[Found]]) -> Found:
        """Give what is known, or ask, or wait for who asks; `ask` spends the budget."""
        while True:
            known = self.known(name)
            if known is not None:
                return known
            followers = self._followers.get(name)
            if followers is None:
                return await self._lead(name, budget, ask)
            follower: asyncio.Future[tuple[Found, Budget | None] | None] = asyncio.get_running_loop().create_future()
            followers.append(follower)
            told = await follower
            if told is None:
                continue  # the leader was cancelled: somebody else leads
            found, spent = told
            if spent is None or not budget.is_richer_than(spent):
                return found  # else the leader's purse was empty: somebody with more leads

    async def _lead(self, name: str, budget: Budget, ask: Callable[[], Awaitable[Found]]) -> Found:
        self._followers[name] = []
        had = copy.copy(budget)
        told: tuple[Found, Budget | None] | None = None
        try:
            found = await ask()
            is_spent = found.outcome is MailHostsOutcome.FAILED and budget.is_spent(self._clock())
            told = found, had if is_spent else None
        finally:
            for follower in self._followers.pop(name):
                if not follower.done():
                    follower.set_result(told)
        self._remember(name, found)
        return found

    def _remember(self, name: str, found: Found) -> None:
        if found.outcome is MailHostsOutcome.FOUND:
            self._known.put(name, (self._clock() + REMEMBER_SECONDS, found))
        else:
            self._known.drop(name)
