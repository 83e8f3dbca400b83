"""Let a product work for a while and see whether its memory grows (promise 42).

    python -m tests.chaos.soak --minutes 60

Hands in lists and makes live calls all the time.  Prints the resident memory of each part, workers included, in each
sixth of the time (medians: workers come and go), and the median of the slopes between any two looks after the first
third, which bears single looks at a worker more or less.  Pages of files do not count, whose share of a process changes
with what else runs on the machine.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from itertools import combinations
from pathlib import Path
from statistics import median

import httpx

from portal import processes
from tests.chaos.__main__ import SETTINGS, wait_for_end
from tests.chaos.product import Product, children
from tests.chaos.work import expected, hand_in

ROWS = 500  # of a list
PAUSE_SECONDS = 5.0
CALLS = 50  # between two lists
SIXTHS = 6
Seen = dict[str, list[tuple[float, float]]]  # part: (hours, MB)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    product = Product(SETTINGS)
    try:
        seen = work(product, options.minutes * 60)
        wait_for_end(product, 120)
    finally:
        product.stop()
        product.forget()
    report(seen)
    return 0


def work(product: Product, seconds: float) -> Seen:
    """Keep all parts busy; gives their memory over time."""
    seen: Seen = defaultdict(list)
    began, lists = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < seconds:
        rows = range(lists * ROWS, (lists + 1) * ROWS)
        hand_in(product, f"soak-{lists}.csv", [expected(row)[0] for row in rows])
        lists += 1
        call(product)
        time.sleep(PAUSE_SECONDS)
        for part, megabytes in memory(product).items():
            seen[part].append((elapsed / 3600, megabytes))
    print(f"{lists} lists of {ROWS} rows, {lists * CALLS} live calls in {seconds / 60:.0f} minutes\n")
    return seen


def call(product: Product) -> None:
    key = product.first_run["license_key"]
    with httpx.Client(base_url=product.url, timeout=90) as client:
        for number in range(CALLS):
            client.get("/api/emh/a/v2", params={"k": key, "e": f"live{number}@bulk-{number % 9}.test"})


def memory(product: Product) -> dict[str, float]:
    """Give the resident megabytes of each part with its children."""
    roster = processes.read_roster(product.data / "run")
    return {name: sum(map(resident, family(pid))) for name, pid in roster.parts.items()} if roster else {}


def family(pid: int) -> set[int]:
    found, newest = {pid}, {pid}
    while newest := children(newest):
        found |= newest
    return found


def resident(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    counted = ("Pss_Anon:", "Pss_Shmem:")  # pages that processes share count once
    return sum(int(line.split()[1]) for line in lines if line.startswith(counted)) / 1024


def report(seen: Seen) -> None:
    print(f"{'part':14}{'MB in each sixth':48}{'slope':>14}")
    for part, points in sorted(seen.items()):
        size = len(points) / SIXTHS
        sixths = [points[round(n * size) : round((n + 1) * size)] for n in range(SIXTHS)]
        medians = "".join(f"{median(megabytes for _, megabytes in sixth):8.1f}" for sixth in sixths if sixth)
        print(f"{part:14}{medians:48}{slope(points[len(points) // 3 :]):>9.1f} MB/h")


def slope(points: list[tuple[float, float]]) -> float:
    """Give the median slope (Theil and Sen), which single outliers do not bend."""
    return median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2)) if len(points) > 1 else 0.0


if __name__ == "__main__":
    sys.exit(main())
