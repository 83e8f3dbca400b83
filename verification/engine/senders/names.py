"""The name of an address and back: what mail servers look at before they listen (RFC 5321 section 4.1.4, RFC 1912)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from verification.engine.resolver import Budget, Resolver


class Naming(StrEnum):
    CONFIRMED = "confirmed"  # the address has the name, and the name the address
    WRONG = "wrong"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Named:
    naming: Naming
    detail: str


async def check_name(resolver: Resolver, *, address: str, helo: str) -> Named:
    """Tell whether an address of ours bears the name that we greet with, and the name leads back."""
    budget, name = Budget(), helo.lower().rstrip(".")
    reverse = await resolver.ask(ip_address(address).reverse_pointer, "PTR", budget)
    forward = await resolver.ask(name, "AAAA" if ":" in address else "A", budget)
    unknown = [reply.detail for reply in (reverse, forward) if not reply.status.is_certain]
    has_name, leads_back = name in reverse.records, _same(address) in map(_same, forward.records)
    names = ", ".join(reverse.records[:3]) or "no name"
    addresses = ", ".join(forward.records[:3]) or "no address"
    if has_name and leads_back:
        return Named(Naming.CONFIRMED, f"{address} is {name} and back")
    if reverse.status.is_certain and not has_name:
        return Named(Naming.WRONG, f"{address} has {names}, not {name}")
    if forward.status.is_certain and not leads_back:
        return Named(Naming.WRONG, f"{name} has {addresses}, not {address}")
    return Named(Naming.UNCLEAR, "; ".join(unknown))


def _same(address: str) -> str:
    return str(ip_address(address))
