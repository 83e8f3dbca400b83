"""Where we stand: the settings of probes, a resolver of its own, and our addresses as others see them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from verification.engine.config import EngineConfig
from verification.engine.network import Guard
from verification.engine.resolver import Budget, Resolver

SOMEBODY = {socket.AF_INET: "198.51.100.1", socket.AF_INET6: "2001:4860:4860::8888"}  # nothing is sent there


@dataclass(frozen=True, slots=True)
class Site:
    """What all checks of one examination share; its resolver remembers nothing from before."""

    config: EngineConfig
    resolver: Resolver
    addresses: tuple[str, ...] = ()  # ours, as others see them
    whence: str = ""  # how we know them


async def our_addresses(config: EngineConfig, resolver: Resolver) -> tuple[tuple[str, ...], str]:
    """Give our outer addresses and how they are known; none when nobody can tell from inside."""
    guard = Guard(config.allowed_networks)
    if config.source_addresses:
        whence, mine = "SOURCE_ADDRESSES", config.source_addresses
    else:
        whence, mine = "the way out", tuple(address for family in SOMEBODY if (address := leaving_by(family)))
    outer = tuple(address for address in mine if guard.permits(address))
    if outer or not config.helo_name:
        return outer, whence
    return await _addresses_of(resolver, config.helo_name), "HELO_NAME, as ours are inside addresses"


def leaving_by(family: socket.AddressFamily) -> str:
    """Give the address of ours that packets would leave by, "" when there is no way out; nothing is sent."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as endpoint:
        endpoint.connect((SOMEBODY[family], 25))
        return str(endpoint.getsockname()[0])
    return ""


async def _addresses_of(resolver: Resolver, name: str) -> tuple[str, ...]:
    found: Sequence[str] = (await resolver.ask(name, "A", Budget())).records
    return (*found, *(await resolver.ask(name, "AAAA", Budget())).records)
