"""Where mail for a domain goes: its mail hosts, then the addresses of one host after the other (RFC 5321, 5.1)."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from ipaddress import ip_address

from verification.engine.network import Guard
from verification.engine.resolver import Budget, DnsReply, DnsStatus, Resolver
from verification.engine.types import MailHostsOutcome

MAX_HOSTS = 10
DEAD_SECONDS = 60.0
MAX_DEAD = 10_000

_HOST_NAME = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")  # underscores: seen in working mail hosts
_IPV4_TEXT = re.compile(r"[0-9]+(?:\.[0-9]+)*")

_FAILURES = {  # what a question that failed says of the mail hosts
    DnsStatus.SERVFAIL: MailHostsOutcome.FAILED,
    DnsStatus.TIMEOUT: MailHostsOutcome.FAILED,
    DnsStatus.EXHAUSTED: MailHostsOutcome.FAILED,
    DnsStatus.SILENT: MailHostsOutcome.RESOLVER_SILENT,
}
_UNUSABLE = (MailHostsOutcome.RESOLVER_SILENT, MailHostsOutcome.FAILED, MailHostsOutcome.NO_USABLE_ADDRESS)


@dataclass(frozen=True, slots=True)
class MxHost:
    """A host that takes mail.  An address literal's host has its brackets for a name, and its address."""

    name: str
    preference: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class MailHosts:
    """A domain's mail hosts in the order to try them, empty unless FOUND.

    `key` is equal for domains with the same hosts in the same order of preference: they may share connections.
    """

    outcome: MailHostsOutcome
    hosts: tuple[MxHost, ...] = ()
    detail: str = ""
    key: tuple[str, ...] = ()

    def without_addresses(self, outcomes: Collection[MailHostsOutcome]) -> MailHostsOutcome:
        """Say what it means that no host has an address for us.

        That there is none for certain holds only when all were looked up; else FOUND, which decides nothing.
        """
        worst = next(each for each in _UNUSABLE if each in outcomes)
        if worst is MailHostsOutcome.NO_USABLE_ADDRESS and len(self.hosts) < len(self.key):
            return MailHostsOutcome.FOUND
        return worst


@dataclass(frozen=True, slots=True)
class HostAddresses:
    """The addresses of one mail host that we may connect to, empty unless FOUND.

    The outcome is FOUND, NO_USABLE_ADDRESS (for certain), FAILED or RESOLVER_SILENT.  `guarded`: at least one address
    was left out because it leads inside.
    """

    outcome: MailHostsOutcome
    addresses: tuple[str, ...] = ()
    guarded: bool = False
    detail: str = ""


async def find(resolver: Resolver, ascii_domain: str, budget: Budget) -> MailHosts:
    """Find the mail hosts of a domain or an address literal.  Raises nothing but CancelledError."""
    if ascii_domain.startswith("["):
        return _literal(ascii_domain)
    reply = await resolver.ask(ascii_domain, "MX", budget)
    match reply.status:
        case DnsStatus.OK:
            return _from_records(reply.records)
        case DnsStatus.NXDOMAIN:
            return MailHosts(MailHostsOutcome.NXDOMAIN, detail=reply.detail)
        case DnsStatus.NODATA:
            return await _implicit(resolver, ascii_domain, budget)
    return MailHosts(_FAILURES[reply.status], detail=f"MX: {reply.detail}")


async def addresses(resolver: Resolver, guard: Guard, host: MxHost, budget: Budget) -> HostAddresses:
    """Find where one host may be reached, IPv4 first, in the order that the DNS gave.  Takes them from the budget."""
    if host.address:
        return _through(guard, [host.address], [], budget)
    replies = await _both(resolver, host.name, budget)
    found = [address for reply in replies for address in reply.records]
    return _through(guard, found, [reply for reply in replies if not reply.status.is_certain], budget)


class DeadAddresses:
    """Addresses that took no connection a short while ago: worth a try only after all the others."""

    __slots__ = ("_clock", "_until")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def bury(self, address: str) -> None:
        """Note that nobody took a connection there."""
        self._until.pop(address, None)
        self._until[address] = self._clock() + DEAD_SECONDS
        if len(self._until) > MAX_DEAD:
            del self._until[next(iter(self._until))]

    def revive(self, address: str) -> None:
        """Note that somebody did."""
        self._until.pop(address, None)

    def is_dead(self, address: str) -> bool:
        return self._until.get(address, float("-inf")) > self._clock()

    def last(self, candidates: tuple[str, ...]) -> tuple[str, ...]:
        """Put the dead ones last."""
        return tuple(sorted(candidates, key=self.is_dead))


def _literal(domain: str) -> MailHosts:
    """Read [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 section 4.1.3)."""
    text = domain.strip("[]").lower().removeprefix("ipv6:")
    try:
        address = str(ip_address(text))
    except ValueError:
        return MailHosts(MailHostsOutcome.NO_USABLE_ADDRESS, detail="no address of a kind we can reach")
    host = MxHost(f"[{address}]", address=address)
    return MailHosts(MailHostsOutcome.FOUND, (host,), f"address literal {host.name}", (f"0 {host.name}",))


def _from_records(records: tuple[str, ...]) -> MailHosts:
    everything = [MxHost(name, int(preference)) for preference, _, name in (text.partition(" ") for text in records)]
    real = [host for host in everything if host.name != "."]
    if not real:
        return MailHosts(MailHostsOutcome.NULL_MX, detail="null MX")  # RFC 7505 section 3
    usable = [host for host in real if _HOST_NAME.fullmatch(host.name) and not _IPV4_TEXT.fullmatch(host.name)]
    if not usable:
        return MailHosts(MailHostsOutcome.NO_USABLE_ADDRESS, detail=f"MX {real[0].name!r} is not a host name"[:300])
    random.shuffle(usable)  # before a stable sort: ties in random order
    usable.sort(key=lambda host: host.preference)
    first = usable[0]
    detail = f"MX {first.preference} {first.name}" + (f" and {len(usable) - 1} more" if len(usable) > 1 else "")
    return MailHosts(MailHostsOutcome.FOUND, tuple(usable[:MAX_HOSTS]), detail, _key(usable))


def _key(hosts: list[MxHost]) -> tuple[str, ...]:
    """Name the set: each host with the rank of its preference, so that 0/10 and 10/20 are the same."""
    ranks = {preference: rank for rank, preference in enumerate(sorted({host.preference for host in hosts}))}
    return tuple(sorted(f"{ranks[host.preference]} {host.name}" for host in hosts))


async def _implicit(resolver: Resolver, domain: str, budget: Budget) -> MailHosts:
    """Take the domain itself for its mail host, when it has an address."""
    replies = await _both(resolver, domain, budget)
    if any(reply.status is DnsStatus.OK for reply in replies):
        host = MxHost(domain)
        return MailHosts(MailHostsOutcome.FOUND, (host,), "no MX, an address record", (f"0 {domain}",))
    doubts = [reply for reply in replies if not reply.status.is_certain]
    if doubts:
        return MailHosts(_worst(doubts), detail=f"no MX; address: {doubts[0].detail}")
    return MailHosts(MailHostsOutcome.NO_HOSTS, detail="neither MX nor address record")


async def _both(resolver: Resolver, name: str, budget: Budget) -> tuple[DnsReply, DnsReply]:
    resolver.begin(name, "AAAA", budget)
    return await resolver.ask(name, "A", budget), await resolver.ask(name, "AAAA", budget)


def _through(guard: Guard, found: list[str], doubts: list[DnsReply], budget: Budget) -> HostAddresses:
    """Keep what the guard permits, as many as may still be tried."""
    permitted = [address for address in found if guard.permits(address)]
    guarded = len(permitted) < len(found)
    kept = tuple(permitted[: budget.addresses])
    budget.addresses -= len(kept)
    if kept:
        return HostAddresses(MailHostsOutcome.FOUND, kept, guarded, ", ".join(kept[:3]))
    if permitted:
        return HostAddresses(MailHostsOutcome.FAILED, (), guarded, "as many addresses as may be tried were tried")
    if doubts:
        return HostAddresses(_worst(doubts), (), guarded, doubts[0].detail)
    detail = f"{found[0]} leads inside" if found else "no address record"
    return HostAddresses(MailHostsOutcome.NO_USABLE_ADDRESS, (), guarded, detail)


def _worst(doubts: list[DnsReply]) -> MailHostsOutcome:
    outcomes = {_FAILURES[reply.status] for reply in doubts}
    return MailHostsOutcome.RESOLVER_SILENT if MailHostsOutcome.RESOLVER_SILENT in outcomes else MailHostsOutcome.FAILED
