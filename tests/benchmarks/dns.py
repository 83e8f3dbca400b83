"""Look-ups a second, processor time and memory of the resolver: python -m tests.benchmarks.dns [--count N].

A responder in a process of its own answers every question with one MX record; no name is asked twice, so the cache
never helps.  dnspython's own resolver is measured beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Sequence

import dns.asyncresolver
import uvloop

from tests.benchmarks.load import peak_megabytes
from verification.engine.config import EngineConfig
from verification.engine.resolver import Budget, DnsStatus, Resolver

AT_ONCE = 500
MX_RECORD = b"\xc0\x0c" + struct.pack("!HHIHH", 15, 1, 300, 7, 10) + b"\x02mx\xc0\x0c"  # 10 mx.<name asked>
OPT_SIZE = 11


def respond(server: socket.socket) -> None:
    """Answer for ever."""
    while True:
        packet, peer = server.recvfrom(4096)
        question = packet[12 : packet.index(0, 12) + 5]
        server.sendto(packet[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question + MX_RECORD, peer)


async def measure(label: str, wanted: Sequence[str], look_up: Callable[[str], Awaitable[None]]) -> None:
    """Look up all names, AT_ONCE at a time, and print a line."""
    queue = iter(wanted)

    async def worker() -> None:
        for name in queue:
            await look_up(name)

    wall, processor = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    rates = f"{len(wanted) / wall:9,.0f}/s {len(wanted) / processor:9,.0f}/CPU-s"
    print(f"{label:34} {rates} {peak_megabytes():5.0f} MB peak")


def names(count: int) -> list[str]:
    return [f"bulk-{number}.test" for number in range(count)]


async def own(address: tuple[str, int], label: str, count: int) -> None:
    resolver = Resolver(EngineConfig(resolvers=(address,)))

    async def look_up(name: str) -> None:
        reply = await resolver.ask(name, "MX", Budget())
        assert reply.status is DnsStatus.OK, reply

    await measure(f"{label}, each name new", names(count), look_up)
    await measure(f"{label}, cached", ["bulk-0.test"] * count, look_up)
    await resolver.aclose()


async def theirs(address: tuple[str, int], count: int) -> None:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [address[0]], address[1]

    async def look_up(name: str) -> None:
        await resolver.resolve(name, "MX")

    await measure("dnspython's resolver", names(count), look_up)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    server.bind(("127.0.0.1", 0))
    process = multiprocessing.Process(target=respond, args=(server,), daemon=True)
    process.start()
    print(f"before the first look-up {peak_megabytes():.0f} MB")
    try:
        uvloop.run(own(server.getsockname(), "own sockets, uvloop", count))
        asyncio.run(own(server.getsockname(), "own sockets, asyncio", count))
        asyncio.run(theirs(server.getsockname(), min(count, 5_000)))
    finally:
        process.terminate()


if __name__ == "__main__":
    main()
