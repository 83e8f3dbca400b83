from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.machines.hosts import Host
from tests.machines.oracle import ADDRESSES, DOMAINS, expected, most_connections


def host(path: Path, *entries: tuple[float, str, int, str], killed_at: float = 99.0) -> Host:
    """Give a host, never started, whose mail world heard: time, event, connection, detail."""
    names = ("time", "event", "connection", "detail")
    path.write_text("".join(json.dumps(dict(zip(names, entry, strict=True))) + "\n" for entry in entries))
    made = object.__new__(Host)
    made.journal, made.killed_at = path, killed_at
    return made


def session(number: int, begin: float, end: float | None) -> list[tuple[float, str, int, str]]:
    heard = [(begin, "open", number, ""), (begin, "command", number, "RCPT TO:<a@ok.test>\r\n")]
    return heard if end is None else [*heard, (end, "close", number, "quit")]


@pytest.mark.parametrize(("begin", "peak"), [(1.5, 2), (2.0, 1), (2.5, 1)])
def test_connections_of_all_machines_count_together(tmp_path: Path, begin: float, peak: int) -> None:
    hosts = [host(tmp_path / "1", *session(1, 1.0, 2.0)), host(tmp_path / "2", *session(1, begin, 3.0))]
    assert most_connections(hosts) == {"ok.test": peak}


@pytest.mark.parametrize(("begin", "peak"), [(4.0, 2), (6.0, 1)])
def test_connections_of_a_killed_machine_end_with_it(tmp_path: Path, begin: float, peak: int) -> None:
    hosts = [
        host(tmp_path / "1", *session(1, 1.0, None), killed_at=5.0),
        host(tmp_path / "2", *session(1, begin, 7.0)),
    ]
    assert most_connections(hosts) == {"ok.test": peak}


def test_the_job_has_its_addresses_and_domains() -> None:
    addresses = {expected(number)[0] for number in range(ADDRESSES)}
    assert len(addresses) == ADDRESSES
    assert len({address.partition("@")[2] for address in addresses}) == DOMAINS
