"""Kill processes of a product at work, one after the other, and see that nothing is lost, doubled or wrong.

    python -m tests.chaos --seed 1 --addresses 20000 --kills 30
    python -m tests.chaos --control no-expiry      # a broken guard: must end red

Starts a product of its own from a copy of this tree, with its own data folder, port and embedded Postgres.  Hands in a
list before each kill; the next follows when results come in again.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from functools import partial

from tests.chaos.controls import CONTROLS, sabotage
from tests.chaos.oracle import faults
from tests.chaos.product import KINDS, Product
from tests.chaos.work import expected, hand_in

SETTINGS = {"RETRY_MINUTES": "0.1,0.2,0.5,1", "LOG_LEVEL": "WARNING"}
RESUME_SECONDS = 90.0  # promise 4
END_SECONDS = 300.0
LEAST_NEWS = 5  # results after a kill that show that work goes on
RESULTS = "SELECT count(*) FROM verification_checkresult"


def main() -> int:
    options = arguments()
    began = time.monotonic()
    break_guard = partial(sabotage, name=options.control) if options.control else lambda _: None
    product = Product(SETTINGS, break_guard)
    kept = True
    try:
        print(
            f"seed {options.seed}, {options.addresses:,} addresses, {options.kills} kills, {product.folder}", flush=True
        )
        stuck = harm(product, options)
        waited = wait_for_end(product, END_SECONDS if not options.control else 60)
        found = faults(product, options.addresses)
        found["kills without resumption"] = stuck
        found["processes left"] = len(product.stop())
        report(found, waited, time.monotonic() - began)
        kept = any(found.values()) and not options.control
        return int(any(found.values()))
    finally:
        if product.process.poll() is None:
            product.stop()
        if not kept:
            product.forget()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--addresses", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--only", choices=KINDS, help="kill this kind alone")
    parser.add_argument("--control", choices=sorted(CONTROLS), help="break a guard first; the end should be red")
    return parser.parse_args()


def harm(product: Product, options: argparse.Namespace) -> int:
    """Hand in a list and kill a process, again and again; gives how often work did not go on in time."""
    rng = random.Random(options.seed)
    addresses = [expected(number)[0] for number in range(options.addresses)]
    rng.shuffle(addresses)
    started, stuck = time.monotonic(), 0
    print(f"\n{'':>4}{'at':>8}  {'killed':20}{'pid':>9}{'work goes on after':>22}", flush=True)
    for number in range(options.kills):
        hand_in(product, f"part-{number}.csv", addresses[number :: options.kills])
        time.sleep(rng.uniform(0.2, 4.0))
        before = product.ask(RESULTS)[0][0]
        at = time.monotonic()
        kind, pid = kill_any(product, [options.only] if options.only else rng.sample(KINDS, len(KINDS)), rng)
        seconds = wait_for_news(product, before)
        stuck += seconds is None
        told = "not within 90 s" if seconds is None else f"{seconds:.1f} s"
        print(f"{number + 1:>4}{at - started:7.1f}s  {kind:20}{pid or 'none there':>9}{told:>22}", flush=True)
    return stuck


def kill_any(product: Product, kinds: list[str], rng: random.Random) -> tuple[str, int | None]:
    """Kill a process of the first kind of which there is one."""
    for kind in kinds:
        if pid := product.kill_one(kind, rng):
            return kind, pid
    return kinds[0], None


def wait_for_news(product: Product, before: int) -> float | None:
    """Wait until results come in again (or none are open) and the pages answer; None when that takes too long."""
    began = time.monotonic()
    while time.monotonic() - began < RESUME_SECONDS:
        time.sleep(0.2)
        if (product.ask(RESULTS)[0][0] >= before + LEAST_NEWS or not unended(product)) and product.answers():
            return time.monotonic() - began
    return None


def wait_for_end(product: Product, seconds: float) -> float:
    began = time.monotonic()
    while unended(product) and time.monotonic() - began < seconds:
        time.sleep(0.5)
    return time.monotonic() - began


def unended(product: Product) -> int:
    count: int = product.ask("SELECT count(*) FROM verification_job WHERE status <> 'finished'")[0][0]
    return count


def report(found: dict[str, int], waited: float, total: float) -> None:
    print(f"\nall jobs done {waited:.0f} s after the last kill's recovery, {total:.0f} s in all\n")
    for name, count in found.items():
        print(f"{name:28}{count:>8}{'' if not count else '   <--'}")
    print("\n" + ("RED: the promise is broken" if any(found.values()) else "green"))


if __name__ == "__main__":
    sys.exit(main())
