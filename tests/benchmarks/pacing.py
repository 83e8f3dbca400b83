"""What the shared pacing costs: the engine on 20,000 addresses with pacing of its own, then with rows of DATABASE_URL.

    ./run python -m tests.benchmarks.pacing [--addresses 20000] [--domains 2000] [--rounds 3]

Brings a mail world of its own; the database must be migrated.  The rounds alternate, for the machine may be loaded.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from tests.fixtures_mail_world import MailWorld, start, stop  # noqa: E402  # after the set-up
from verification.domain.drain import new_event_loop  # noqa: E402  # after the set-up
from verification.domain.pacing import pacing_of_jobs  # noqa: E402  # after the set-up
from verification.engine import Engine, InProcessPacing, Pacing  # noqa: E402  # after the set-up

IN_FLIGHT = 1_000
Paced = Callable[[], AbstractAsyncContextManager[Pacing]]


@asynccontextmanager
async def in_process() -> AsyncIterator[Pacing]:
    yield InProcessPacing(5)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--addresses", type=int, default=20_000)
    options.add_argument("--domains", type=int, default=2_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    gc.set_threshold(20_000, 20, 50)
    process, world = start(None)
    try:
        for _ in range(chosen.rounds):
            for name, paced in (("own pacing", in_process), ("shared pacing", pacing_of_jobs)):
                with asyncio.Runner(loop_factory=new_event_loop) as runner:
                    wall, cpu = runner.run(measure(world, paced, chosen.addresses, chosen.domains))
                rate, each = chosen.addresses / wall, cpu / chosen.addresses * 1e6
                print(f"{name:16}{wall:8.2f} s{rate:10,.0f} addresses/s{each:8.0f} µs of CPU each", flush=True)
    finally:
        stop(process)


async def measure(world: MailWorld, paced: Paced, addresses: int, domains: int) -> tuple[float, float]:
    """Give the seconds and the seconds of CPU that all addresses take."""
    each = addresses // domains
    waiting = iter([f"user{n}@bulk-{domain + 1}.test" for domain in range(domains) for n in range(each)])
    async with paced() as pacing:
        engine = Engine(world.engine_config(), pacing=pacing)

        async def work() -> None:
            for address in waiting:
                answer = await engine.verify(address)
                assert answer.verdict.result == "Ok", answer

        began, cpu = time.monotonic(), time.process_time()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        ended = time.monotonic(), time.process_time()
        await engine.aclose()
    return ended[0] - began, ended[1] - cpu


if __name__ == "__main__":
    main()
