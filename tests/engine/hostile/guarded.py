"""Verify all targets and tell who was reached.  As a program it plays in a network where every address answers.

`python -m tests.engine.hostile.guarded` expects to be alone in a network namespace and makes all addresses local.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections import Counter
from dataclasses import asdict, dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

from tests.engine.fake_dns import FakeDns
from tests.engine.hostile.smtp_server import servers
from tests.engine.hostile.targets import Targets, targets
from tests.engine.hostile.world import verdict
from tests.engine.test_network import OUTSIDE
from verification.engine import Engine, EngineConfig

SHELL = "ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo"


@dataclass
class Reached:
    """Verdicts with their numbers, and the addresses that took a connection."""

    inside: dict[str, int] = field(default_factory=dict)
    allowed: dict[str, int] = field(default_factory=dict)
    rebound: list[str] = field(default_factory=list)  # of the same domain, asked anew at each step
    addresses: list[str] = field(default_factory=list)
    connections: int = 0
    opened: int = 0  # connections that the kernel was asked for, DNS over TCP and all


async def verify(them: Targets, allowed: tuple[IPv4Network | IPv6Network, ...] = ()) -> Reached:
    """Ask for everybody in one run, then once more for the domain that points elsewhere by now."""
    found = Reached()
    before = _opened()
    async with contextlib.AsyncExitStack() as stack:
        mail = await stack.enter_async_context(servers(with_ipv6=True))
        dns = await stack.enter_async_context(FakeDns(them.zone))
        config = EngineConfig(
            resolvers=(dns.address,),
            smtp_port=mail.port,
            helo_name="probe.example.org",
            mail_from="probe@example.org",
            allowed_networks=allowed,
        )
        engine = Engine(config)
        found.inside = await _count(engine, them.inside)
        found.allowed = await _count(engine, them.allowed)
        found.rebound.append(verdict(await engine.verify("john@rebinds.test")))  # within the time to live
        await engine.aclose()
        later = Engine(config)
        found.rebound.append(verdict(await later.verify("john@rebinds.test")))
        await later.aclose()
        found.addresses = sorted({_plain(peer.address) for peer in mail.peers})
        found.connections = len(mail.peers)
    found.opened = _opened() - before
    return found


async def _count(engine: Engine, mailboxes: list[str]) -> dict[str, int]:
    return dict(Counter(map(verdict, await asyncio.gather(*map(engine.verify, mailboxes)))))


def _plain(address: str) -> str:
    ip = ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None)
    return str(mapped or ip)


def _opened() -> int:
    """Give the number of connections that were begun in this network (RFC 4022, tcpActiveOpens)."""
    names, figures = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Tcp:")
    )
    return int(figures[names.index("ActiveOpens")])


def main() -> None:
    subprocess.run(["sh", "-c", SHELL], check=True)
    print(json.dumps(asdict(asyncio.run(verify(targets(OUTSIDE))))))


if __name__ == "__main__":
    main()
