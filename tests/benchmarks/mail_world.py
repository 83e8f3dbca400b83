"""The mail world's own ceiling: `python -m tests.benchmarks.mail_world [--seconds N]`.

A client on raw sockets and one epoll walks dialogues, one connection each: greeting, EHLO, then MAIL, two RCPT and
QUIT in one write (pipelined) or one by one (step by step).  Client and mail world share the machine, so the world's
processor time a dialogue is told beside the rate.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests import fixtures_mail_world
from tests.fixtures_mail_world import MailWorld
from tests.mailworld.client import records

_GROUP = [b"MAIL FROM:<me@me.example>", b"RCPT TO:<anna@%b>", b"RCPT TO:<missing@%b>", b"QUIT"]
_DOMAINS = 2_000


@dataclass(slots=True)
class Walk:
    """One connection: what is still to be sent, and how many replies the last write must bring."""

    connection: socket.socket
    steps: Iterator[tuple[bytes, int]]
    awaited: int = 1
    buffer: bytes = b""


class Client:
    """Keeps `connections` dialogues going."""

    def __init__(self, world: MailWorld, *, pipelined: bool, connections: int) -> None:
        self._pipelined = pipelined
        self._connections = connections
        self._poll = select.epoll()
        self._walks: dict[int, Walk] = {}
        self._port = world.smtp_port
        domains = [f"bulk-{number}.test" for number in range(1, _DOMAINS + 1)]
        self._targets = [(records(world, f"mx.{domain}", "A")[0], domain.encode()) for domain in domains]
        self.done = 0

    def run(self, seconds: float) -> float:
        """Walk for about so long; give the dialogues a second."""
        began = time.perf_counter()
        for number in range(self._connections):
            self._open(number)
        while time.perf_counter() - began < seconds:
            for number, _ in self._poll.poll(1):
                self._hear(number)
        elapsed = time.perf_counter() - began
        for walk in self._walks.values():
            walk.connection.close()
        self._poll.close()
        return self.done / elapsed

    def _open(self, number: int) -> None:
        address, domain = self._targets[number % _DOMAINS]
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex((address, self._port))
        self._walks[connection.fileno()] = Walk(connection, self._steps(domain))
        self._poll.register(connection.fileno(), select.EPOLLIN)

    def _steps(self, domain: bytes) -> Iterator[tuple[bytes, int]]:
        yield b"EHLO me.example\r\n", 1
        lines = [line.replace(b"%b", domain) + b"\r\n" for line in _GROUP]
        if self._pipelined:
            yield b"".join(lines), len(lines)
        else:
            yield from ((line, 1) for line in lines)

    def _hear(self, number: int) -> None:
        walk = self._walks[number]
        data = walk.connection.recv(65_536)
        walk.buffer += data
        *lines, walk.buffer = walk.buffer.split(b"\r\n")
        walk.awaited -= sum(line[3:4] == b" " for line in lines)
        if walk.awaited > 0 and data:
            return
        step = next(walk.steps, None)
        if step is not None:
            walk.connection.send(step[0])
            walk.awaited = step[1]
            return
        self._poll.unregister(number)
        walk.connection.close()
        del self._walks[number]
        self.done += 1
        self._open(self.done)


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the mail world's ceiling.")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=200)
    options = parser.parse_args()
    process, world = fixtures_mail_world.start(None)
    print(f"{'':14} {'dialogues/s':>12} {'world µs each':>14} {'ceiling/s':>10} {'MB':>5}")
    try:
        for pipelined in (True, False):
            client = Client(world, pipelined=pipelined, connections=options.connections)
            before = _processor_seconds(process.pid)
            rate = client.run(options.seconds)
            each = (_processor_seconds(process.pid) - before) / client.done
            name = "pipelined" if pipelined else "step by step"
            memory = _resident_megabytes(process.pid)
            print(f"{name:14} {rate:12,.0f} {each * 1e6:14.1f} {1 / each:10,.0f} {memory:5.0f}")
    finally:
        fixtures_mail_world.stop(process)


if __name__ == "__main__":
    main()
