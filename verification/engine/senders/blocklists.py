"""DNS block lists (RFC 5782): whether one holds an address of ours, and whether it tells us at all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_network

from verification.engine.resolver import Budget, DnsReply, DnsStatus, Resolver

LISTED_TEST, CLEAN_TEST = "127.0.0.2", "127.0.0.1"  # RFC 5782 section 5: one is on every list, the other on none
ANSWERS = ip_network("127.0.0.0/8")
REFUSALS = ip_network("127.255.255.0/24")  # "you may not ask", by convention of several lists
MAX_TEXT = 200


class Listing(StrEnum):
    CLEAN = "clean"
    LISTED = "listed"
    UNCLEAR = "unclear"  # the list does not answer, refuses us, or does not work


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list says of an address; `detail` is its own reason, or why it says nothing."""

    listing: Listing
    detail: str = ""


async def look_up(resolver: Resolver, *, address: str, blocklist: str) -> Listed:
    """Ask a list for an address; its own test entries tell a clean answer from a refusal."""
    budget = Budget()
    fault = await _fault_of(resolver, blocklist, budget)
    if fault:
        return Listed(Listing.UNCLEAR, fault)
    name = f"{_reversed(address)}.{blocklist}"
    reply = await resolver.ask(name, "A", budget)
    if not reply.status.is_certain:
        return Listed(Listing.UNCLEAR, reply.detail)
    if not reply.records:
        return Listed(Listing.CLEAN)
    if not _says_listed(reply):
        return Listed(Listing.UNCLEAR, f"answers {', '.join(reply.records[:3])}")
    reason = await resolver.ask(name, "TXT", budget)
    return Listed(Listing.LISTED, "; ".join(reason.records[:2])[:MAX_TEXT] or ", ".join(reply.records[:3]))


async def _fault_of(resolver: Resolver, blocklist: str, budget: Budget) -> str:
    """Say why a list's word counts for nothing, "" when it counts."""
    listed = await resolver.ask(f"{_reversed(LISTED_TEST)}.{blocklist}", "A", budget)
    if not listed.status.is_certain:
        return listed.detail
    if not _says_listed(listed):
        said = ", ".join(listed.records[:3]) or "nothing"
        return f"says {said} of its own test entry {LISTED_TEST}: it does not answer our name server, or is gone"
    clean = await resolver.ask(f"{_reversed(CLEAN_TEST)}.{blocklist}", "A", budget)
    if clean.status is DnsStatus.OK:
        return f"holds {CLEAN_TEST}, so it holds everybody: it is gone"
    return "" if clean.status.is_certain else clean.detail


def _says_listed(reply: DnsReply) -> bool:
    addresses = [ip_address(record) for record in reply.records]
    return bool(addresses) and all(address in ANSWERS and address not in REFUSALS for address in addresses)


def _reversed(address: str) -> str:
    """Write an address as lists have it: octets or nibbles from the end (RFC 5782 sections 2.1 and 2.4)."""
    return ip_address(address).reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
