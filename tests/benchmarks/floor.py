"""The floor under the engine's rates: what raw sockets and one epoll reach when each address has its own connection.

`python -m tests.benchmarks.floor JSON` prints a Measure as JSON.  It walks greeting, EHLO, then MAIL, RCPT and QUIT in
one write.  It is spared what the engine must do: names are looked up beforehand, nobody is asked for a random
recipient, nothing is guarded, paced, timed out, or kept as evidence.
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from tests.benchmarks.load import Load, Measure, addresses, load_of, peak_megabytes
from verification.engine.config import EngineConfig
from verification.engine.resolver import Budget, Resolver

LOOK_UPS_AT_ONCE = 200
HELLO = b"EHLO probe.candour.test\r\n"
GROUP = b"MAIL FROM:<probe@candour.test>\r\nRCPT TO:<%b>\r\nQUIT\r\n"


@dataclass(slots=True)
class Walk:
    """One connection: after the greeting comes `hello`, after its reply the group, after 221 the end."""

    connection: socket.socket
    address: str
    said: int = 0
    heard: bytes = b""


class Floor:
    """Keeps `in_flight` connections going."""

    def __init__(self, load: Load, hosts: dict[str, str]) -> None:
        self._load = load
        self._hosts = hosts
        self._source: Iterator[str] = addresses(load)
        self._poll = select.epoll()
        self._walks: dict[int, Walk] = {}
        self._wrong = 0
        self._first = self._last = 0.0
        self._answers = 0

    def run(self) -> Measure:
        began, processor = time.perf_counter(), time.process_time()
        for _ in range(self._load.in_flight):
            self._open()
        while self._walks:
            for number, _ in self._poll.poll():
                self._hear(self._walks[number])
        count = self._answers
        return Measure(
            answers=count,
            wrong={"wrong": self._wrong} if self._wrong else {},
            rate=(count - 1) / (self._last - self._first),
            seconds=self._last - began,
            processor=(time.process_time() - processor) / count * 1_000,
            peak=peak_megabytes(),
        )

    def _open(self) -> None:
        address = next(self._source, None)
        if address is None:
            return
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex((self._hosts[address.rpartition("@")[2]], self._load.smtp_port))
        self._walks[connection.fileno()] = Walk(connection, address)
        self._poll.register(connection.fileno(), select.EPOLLIN)

    def _hear(self, walk: Walk) -> None:
        data = walk.connection.recv(65_536)
        walk.heard += data
        if walk.said == 2:
            if not data or b"\n221 " in walk.heard:
                self._end(walk)
        elif not data:
            self._end(walk)
        elif walk.heard.endswith(b"\n") and walk.heard[walk.heard.rfind(b"\n", 0, -1) + 4 :][:1] == b" ":
            walk.connection.send(HELLO if walk.said == 0 else GROUP % walk.address.encode())
            walk.said += 1
            walk.heard = b""

    def _end(self, walk: Walk) -> None:
        del self._walks[walk.connection.fileno()]
        walk.connection.close()  # epoll forgets it by itself
        self._last = time.perf_counter()
        self._first = self._first or self._last
        self._answers += 1
        expected = b"\r\n550 " if walk.address.startswith("missing") else b"\r\n250 "
        self._wrong += expected not in walk.heard
        self._open()


async def _look_up(load: Load) -> dict[str, str]:
    """Give the address of each domain's mail host; it is mx.<domain> throughout."""
    domains = iter({address.rpartition("@")[2]: None for address in addresses(load)})
    resolver = Resolver(EngineConfig(resolvers=(load.dns,)))
    hosts: dict[str, str] = {}

    async def work() -> None:
        for domain in domains:
            reply = await resolver.ask(f"mx.{domain}", "A", Budget())
            hosts[domain] = reply.records[0]

    await asyncio.gather(*(work() for _ in range(LOOK_UPS_AT_ONCE)))
    await resolver.aclose()
    return hosts


def main() -> None:
    load = load_of(sys.argv[1])
    print(json.dumps(asdict(Floor(load, asyncio.run(_look_up(load))).run())))


if __name__ == "__main__":
    main()
