"""Whether mail servers can be reached from here at all: port 25 is closed for many, silently.

One host's silence proves nothing, so several that are hardly ever down are tried, twice; only when each of them is
out of reach the port counts as closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from verification.engine.config import EngineConfig
from verification.engine.network import Guard
from verification.engine.resolver import Budget, Resolver
from verification.engine.smtp.client import connect_trouble
from verification.engine.types import Trouble

LEAST_HOSTS = 2  # that must be out of reach before the port counts as closed
CONNECT_SECONDS, GREETING_SECONDS = 6.0, 10.0
PAUSE_SECONDS = 1.0  # before the second round
MAX_LINE = 512
SHUT = frozenset({Trouble.TIMEOUT, Trouble.REFUSED, Trouble.NO_ROUTE})


class Door(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Knock:
    """What came of one host: it greeted, it is out of reach, or neither."""

    host: str
    door: Door
    detail: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    connect: float = CONNECT_SECONDS
    greeting: float = GREETING_SECONDS
    pause: float = PAUSE_SECONDS


async def knock(
    resolver: Resolver, config: EngineConfig, hosts: Sequence[str], *, patience: Patience = Patience()
) -> list[Knock]:
    """Try some hosts once; those out of reach a second time when nobody greeted."""
    knocks = list(await asyncio.gather(*(_knock(resolver, config, host, patience) for host in hosts)))
    if judge(knocks) is not Door.CLOSED:
        return knocks
    await asyncio.sleep(patience.pause)
    return list(await asyncio.gather(*(_knock(resolver, config, host, patience) for host in hosts)))


def judge(knocks: Sequence[Knock]) -> Door:
    """Give what the hosts say together: open when one greeted, closed when all are out of reach."""
    if any(one.door is Door.OPEN for one in knocks):
        return Door.OPEN
    if len(knocks) >= LEAST_HOSTS and all(one.door is Door.CLOSED for one in knocks):
        return Door.CLOSED
    return Door.UNCLEAR


async def _knock(resolver: Resolver, config: EngineConfig, host: str, patience: Patience) -> Knock:
    found = await resolver.ask(host, "A", Budget())
    if not found.records:
        return Knock(host, Door.UNCLEAR, found.detail or "no address")
    address = found.records[0]
    if not Guard(config.allowed_networks).permits(address):
        return Knock(host, Door.UNCLEAR, "an inside address", address)
    port = next((port for zone, port in config.zone_smtp_ports.items() if _lies_in(host, zone)), config.smtp_port)
    source = next((source for source in config.source_addresses if ":" not in source), "")
    try:
        async with asyncio.timeout(patience.connect):
            local = (source, 0) if source else None
            reader, writer = await asyncio.open_connection(address, port, limit=MAX_LINE, local_addr=local)
    except OSError as error:
        trouble = connect_trouble(error)
        return Knock(host, Door.CLOSED if trouble in SHUT else Door.UNCLEAR, trouble.value, address)
    try:
        return Knock(host, *await _greeting(reader, writer, patience), address)
    finally:
        writer.transport.abort()


async def _greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: Patience) -> tuple[Door, str]:
    """Wait for a greeting and say goodbye; any reply of a mail server is one, even one that sends us away."""
    try:
        async with asyncio.timeout(patience.greeting):
            line = await reader.readline()
    except (OSError, ValueError):  # a time-out is an OSError; a line too long a ValueError
        return Door.UNCLEAR, "takes the connection and does not greet"
    if not line[:3].isdigit():
        return Door.UNCLEAR, "takes the connection and is no mail server"
    with suppress(OSError):
        writer.write(b"QUIT\r\n")
        await writer.drain()
    return Door.OPEN, line[:3].decode("ascii")


def _lies_in(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")
