"""Where everybody lives: each domain's address in 127.1.0.0/16, computed from its name alone.

What a server does before RCPT must be told by the address connected to, so every scenario has a block of its own and
`NAME-<n>.test` lives at n modulo the block's size.  Nothing listens in 127.1.252.0/22: the closed ports.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from verification.engine.scenarios.table import SCENARIOS, SERVER, Scenario, Site

_FIRST = 1 << 8  # 127.1.0.0/24 is left to name servers
_CLOSED_FIRST, _CLOSED_SIZE = 252 << 8, 1 << 10
_DELAYS = (*range(100), *range(100, 1_000, 10), *range(1_000, 10_000, 100), *range(10_000, 100_000, 1_000))


@dataclass(frozen=True, slots=True)
class Place:
    """An address where a scenario's server listens; every reply of it is `delay_ms` late."""

    address: str
    scenario: Scenario
    delay_ms: int = 0


class Map:
    """All addresses, for a process that may have `open_files` of them and of connections.

    Raises ValueError below 2,048: too few to listen and to talk.
    """

    def __init__(self, open_files: int) -> None:
        if open_files < 2_048:
            raise ValueError(f"The mail world needs 2,048 open files, the limit is {open_files}.")
        roomy = open_files >= 16_384
        self._bulk = 8_192 if roomy else open_files // 4
        self._usual = 64 if roomy else 4
        self._blocks: dict[str, int] = {}
        index = _FIRST
        for scenario in SCENARIOS.values():
            if any(host.address == SERVER for host in scenario.hosts):
                self._blocks[scenario.name] = index
                index += self._size(scenario)

    def address_of(self, site: Site) -> str:
        """Give the address of the site's own mail server."""
        if site.scenario.parameter == "ms":
            offset = next((rank for rank, delay in enumerate(_DELAYS) if delay >= site.parameter), len(_DELAYS) - 1)
        else:
            offset = site.number % self._size(site.scenario)
        return _dotted(self._blocks[site.scenario.name] + offset)

    def closed_address(self, host_name: str) -> str:
        return _dotted(_CLOSED_FIRST + zlib.crc32(host_name.encode()) % _CLOSED_SIZE)

    def places(self) -> Iterator[Place]:
        for name, first in self._blocks.items():
            scenario = SCENARIOS[name]
            for offset in range(self._size(scenario)):
                yield Place(_dotted(first + offset), scenario, _DELAYS[offset] if scenario.parameter == "ms" else 0)

    def _size(self, scenario: Scenario) -> int:
        if scenario.parameter == "ms":
            return len(_DELAYS)
        return self._bulk if scenario.name == "bulk" else self._usual


def _dotted(index: int) -> str:
    return f"127.1.{index >> 8}.{index & 255}"
