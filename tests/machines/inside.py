"""Inside the namespace: `python -m tests.machines.inside WORK`, started by tests.machines alone."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.benchmarks.customer import Customer
from tests.machines.hosts import SETTINGS, Database, Host, make_network, run
from tests.machines.oracle import (
    ADDRESSES,
    MOST_CONNECTIONS,
    SLOW,
    connections,
    expected,
    faults,
    leases_lost,
    most_connections,
)

START_SECONDS = 40.0
END_SECONDS = 100.0
CUT_SECONDS = 30.0
UNDER_WAY = 100  # lines that a mail world heard
LEASES = "SELECT count(*) FROM verification_batch WHERE token IS NOT NULL"


def main() -> int:
    threading.Thread(target=end_with_parent, daemon=True).start()
    work = Path(sys.argv[1])
    for folder in (work, Path("/run")):
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder))
    make_network()
    if sys.argv[2:] == ["no-cap"]:
        SETTINGS["PROBE_PER_HOST"] = str(4 * MOST_CONNECTIONS)
    database = Database(work / "database")
    hosts = [Host(number, work, database.url) for number in (1, 2, 3)]
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", flush=True)

    start(hosts)
    tell("three machines are up")
    customer = Customer(hosts[0].data)
    addresses = [expected(number)[0] for number in range(ADDRESSES)]
    threading.Thread(target=customer.verify, args=[addresses], daemon=True).start()
    harm(hosts, database, tell)
    wait_for_end(database)
    tell("job finished" if not unfinished(database) else "job NOT finished")
    return report(database, hosts)


def end_with_parent() -> None:
    """Take everything down when the process that entered the namespace is gone."""
    os.read(0, 1)
    os._exit(1)


def start(hosts: list[Host]) -> None:
    first, *others = hosts
    if first.start("prepare").wait(60) != 0:
        sys.exit(first.log.read_text())
    first.start("supervise")
    for host in others:
        host.start("supervise", "--no-web")
    deadline = time.monotonic() + START_SECONDS
    while not all(host.journal.exists() for host in hosts) or not answers():
        if time.monotonic() > deadline:
            sys.exit("the machines do not start:\n" + "".join(host.log.read_text() for host in hosts))
        time.sleep(0.2)


def answers() -> bool:
    try:
        return httpx.get(f"{SETTINGS['PUBLIC_URL']}/healthz", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def harm(hosts: list[Host], database: Database, tell: Callable[[str], None]) -> None:
    """Kill one machine and cut another off for a while."""
    _, cut_off, killed = hosts
    wait_until(lambda: all(len(host.heard()) > UNDER_WAY for host in hosts), "all machines work")
    tell(f"{killed.name} is killed; {database.ask(LEASES)[0][0]} batches leased")
    killed.kill()
    before = results(database)
    wait_until(lambda: results(database) > before, "work goes on")
    tell(f"{cut_off.name} is cut off; {database.ask(LEASES)[0][0]} batches leased")
    cut_off.cut()
    time.sleep(CUT_SECONDS)
    cut_off.join()
    tell(f"{cut_off.name} is back; {results(database):,} results")


def results(database: Database) -> int:
    count: int = database.ask("SELECT count(*) FROM verification_checkresult")[0][0]
    return count


def wait_until(holds: Callable[[], bool], text: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            sys.exit(f"it took over {START_SECONDS:.0f} s until {text}")
        time.sleep(0.1)


def wait_for_end(database: Database) -> None:
    deadline = time.monotonic() + END_SECONDS
    while unfinished(database) and time.monotonic() < deadline:
        time.sleep(0.5)


def unfinished(database: Database) -> bool:
    return bool(database.ask("SELECT 1 FROM verification_job WHERE status <> 'finished'"))


def report(database: Database, hosts: list[Host]) -> int:
    found = faults(database)
    busiest = most_connections(hosts)
    lost = leases_lost(hosts)
    found["harm that hit no work"] = int(not lost)
    found["domains over the cap"] = sum(count > MOST_CONNECTIONS for count in busiest.values())
    print(f"\n{'connections':28}{'all':>8}{SLOW:>16}")
    for host in hosts:
        met = [domain for domain, *_ in connections(host)]
        print(f"{host.name:28}{len(met):>8,}{met.count(SLOW):>16,}")
    others = max(count for name, count in busiest.items() if name != SLOW)
    print(f"{f'at once, cap {MOST_CONNECTIONS}':28}{others:>8}{busiest.get(SLOW, 0):>16}")
    print(f"\n{'leases lost, taken over':28}{lost:>8}\n")
    for name, count in found.items():
        print(f"{name:28}{count:>8}{'' if not count else '   <--'}")
    print("\n" + ("RED" if any(found.values()) else "green"))
    if any(found.values()):
        print("\n".join(line for host in hosts for line in host.log.read_text().splitlines()[-40:]))
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
