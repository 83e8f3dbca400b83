"""The DNS of the sandbox: MX of each role, our own names, a DNS block list and a reputation list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from tests.engine.fake_dns import FakeDns, Script, records

NAME_SERVER = "10.77.0.53"
OUR_NAME = "probe.test"
OUR_ADDRESS = "10.77.0.1"  # has a name, and is on the block list
NAMELESS_ADDRESS = "10.77.0.2"
BLOCK_LIST = "dnsbl.test"
ADDRESSES = (NAME_SERVER, OUR_ADDRESS, NAMELESS_ADDRESS)


def zone_of(roles: Mapping[str, str]) -> dict[tuple[str, str], Script]:
    """Give the zone for roles: domain → address of its mail host."""
    zone: dict[tuple[str, str], Script] = {}
    for domain, address in roles.items():
        zone[domain, "MX"] = records("MX", f"10 mx.{domain}.")
        zone[f"mx.{domain}", "A"] = records("A", address)
        zone[f"{_reversed(address)}.in-addr.arpa", "PTR"] = records("PTR", f"mx.{domain}.")
    zone[OUR_NAME, "A"] = records("A", OUR_ADDRESS)
    zone[OUR_NAME, "MX"] = records("MX", f"10 {OUR_NAME}.")  # where nobody listens
    zone[f"{_reversed(OUR_ADDRESS)}.in-addr.arpa", "PTR"] = records("PTR", f"{OUR_NAME}.")
    listed = f"{_reversed(OUR_ADDRESS)}.{BLOCK_LIST}"
    zone[listed, "A"] = records("A", "127.0.0.2")
    zone[listed, "TXT"] = records("TXT", f'"https://{BLOCK_LIST}/query/{OUR_ADDRESS}"')
    zone[f"{_reversed(OUR_ADDRESS)}.score.senderscore.com", "A"] = records("A", "127.0.4.12")  # 12 of 100
    return zone


def _reversed(address: str) -> str:
    return ".".join(reversed(address.split(".")))


class NameServer(asyncio.DatagramProtocol):
    """Answers from a zone over UDP, port 53; names that are not in it do not exist."""

    def __init__(self, roles: Mapping[str, str]) -> None:
        self._dns = FakeDns(zone_of(roles))

    async def listen(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(NAME_SERVER, 53))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for packet in self._dns.packets(data, "udp"):
            self._transport.sendto(packet, addr)
