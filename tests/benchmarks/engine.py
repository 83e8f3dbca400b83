"""The engine's speed and memory: `python -m tests.benchmarks.engine [--quick] [--rows 1,2] [--repeat N]`.

Mail world and engine share the machine; the engine runs on uvloop in a process of its own and measures itself from
its first to its last answer, DNS included.  In the same run: the floor (tests/benchmarks/floor.py) and, where node
is, deep-email-validator at its best concurrency.  The best of N runs counts.  See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks import contenders
from tests.benchmarks.load import Load, Measure
from tests.fixtures_mail_world import MailWorld

HEAD = f"{'':44} {'addresses':>9} {'a second':>9} {'s':>7} {'CPU s/1000':>10} {'waited s':>8} {'peak MB':>8}  aim"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is asked for, and how often."""

    repeat: int
    crowd: int = 100_000
    one_domain: int = 2_000
    stream: int = 1_000_000
    good: int = 9_500
    peer: int = 10_000


QUICK = Scale(1, crowd=20_000, stream=50_000, peer=4_000)


class Table:
    """Prints a line as soon as it is known."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; best of {scale.repeat}\n{HEAD}")

    def line(self, name: str, measure: Measure, aim: str = "", holds: bool | None = None) -> None:
        said = "" if holds is None else " holds" if holds else " MISSED"
        wrong = f"  WRONG {measure.wrong}" if measure.wrong else ""
        print(
            f"{name:44} {measure.answers:9,} {measure.rate:9,.0f} {measure.seconds:7.1f} {measure.processor:10.3f} "
            f"{measure.waited:8.1f} {measure.peak:8.0f}  {aim}{said}{wrong}",
            flush=True,
        )

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def best(self, run: Callable[[Load], Measure], load: Load) -> Measure:
        return max((run(load) for _ in range(self.scale.repeat)), key=_rate)


def load_for(world: MailWorld, count: int, domains: int, **more: int | bool) -> Load:
    return Load(world.dns_endpoint, world.smtp_port, count, domains, **more)  # type: ignore[arg-type]  # by name


def crowd_late(table: Table) -> None:
    """Row 1: many domains, 50 ms a reply."""
    count = table.scale.crowd
    with contenders.world(50) as world, contenders.peer_installed() as (folder, why_not):
        load = load_for(world, count, count // 10)
        ours = table.best(contenders.engine, load)
        table.line("1 many domains, 50 ms, 2,000 in flight", ours, "10,000/s", ours.rate >= 10_000)
        table.say(f"processor {ours.processor:.3f} s per 1,000: aim 0.15, {_holds(ours.processor <= 0.15)}")
        table.say(f"peak {ours.peak:.0f} MB at 2,000 in flight: aim 100, {_holds(ours.peak <= 100)}")
        more = table.best(contenders.engine, load_for(world, count, count // 10, in_flight=6_000))
        table.line("  the same, 6,000 in flight", more, "10,000/s", more.rate >= 10_000)
        mixed = contenders.engine(load_for(world, count, count // 10, shuffled=True))
        table.line("  the same, domains mixed at random", mixed)
        table.line("  floor", table.best(contenders.floor, load))
        if not folder:
            table.say(f"deep-email-validator: {why_not}")
            return
        in_flight, theirs = contenders.peer(load_for(world, table.scale.peer, table.scale.peer // 10), folder)
        ratio = max(ours, more, key=_rate).rate / theirs.rate
        table.line(f"  deep-email-validator, {in_flight:,} in flight", theirs)
        table.say(f"{ratio:.1f} times deep-email-validator: aim 4, {_holds(ratio >= 4)}")


def crowd_at_once(table: Table) -> None:
    """Row 2: many domains without delay, against the floor."""
    count = table.scale.crowd
    with contenders.world(0) as world:
        load = load_for(world, count, count // 10)
        ours = table.best(contenders.engine, load)
        floor = table.best(contenders.floor, load_for(world, count, count // 10, in_flight=200))
        ratio = ours.rate / floor.rate
        table.line("2 many domains, 0 ms", ours, f"0.5 x floor: {ratio:.2f}", ratio >= 0.5)
        table.line("  floor", floor)


def one_domain(table: Table) -> None:
    """Row 3: one domain, 50 ms a reply, 10 connections."""
    with contenders.world(50) as world:
        ours = table.best(contenders.engine, load_for(world, table.scale.one_domain, 1, per_host=10))
        table.line("3 one domain, 50 ms, 10 connections", ours, "1,000/s", ours.rate >= 1_000)


def stream(table: Table) -> None:
    """Row 4: a long stream; what is held at each tenth of it."""
    with contenders.world(0) as world:
        count = table.scale.stream
        ours = contenders.engine(load_for(world, count, count // 10))
        table.line("4 a long stream, each domain new, 0 ms", ours, "100 MB", ours.peak <= 100)
        table.say(f"MB held at each tenth: {' '.join(f'{held:.0f}' for held in ours.held)}")
        again = contenders.engine(load_for(world, count, min(10_000, count // 10)))
        table.line("  the same over 10,000 domains", again, "100 MB", again.peak <= 100)
        table.say(f"MB held at each tenth: {' '.join(f'{held:.0f}' for held in again.held)}")


def tarpits(table: Table) -> None:
    """Row 5: good addresses, then the same among tarpits, one to nineteen."""
    good = table.scale.good
    with contenders.world(50) as world:
        alone = min((contenders.engine(load_for(world, good, good // 10)) for _ in range(table.scale.repeat)), key=_end)
        among_tarpits = load_for(world, good, good // 10, tarpits=good // 19)
        among = min((contenders.engine(among_tarpits) for _ in range(table.scale.repeat)), key=_end)
        ratio = among.seconds / alone.seconds
        table.line("5 good ones alone, 50 ms", alone)
        table.line(f"  among {good // 19} tarpits", among, f"1.3 x the time: {ratio:.2f}", ratio <= 1.3)


def _rate(measure: Measure) -> float:
    return measure.rate


def _end(measure: Measure) -> float:
    return measure.seconds


def _holds(yes: bool) -> str:
    return "holds" if yes else "MISSED"


ROWS: dict[str, Callable[[Table], None]] = {
    "1": crowd_late,
    "2": crowd_at_once,
    "3": one_domain,
    "4": stream,
    "5": tarpits,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer addresses, once: about a minute")
    parser.add_argument("--rows", default=",".join(ROWS), metavar="1,2,…", help="which rows")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of which the best counts")
    options = parser.parse_args()
    table = Table(QUICK if options.quick else Scale(options.repeat))
    for row in options.rows.split(","):
        ROWS[row](table)
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
