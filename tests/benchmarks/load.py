"""One load on one engine, in a process of its own: `python -m tests.benchmarks.load JSON` prints a Measure as JSON.

The rate is that of the answers from the first to the last, measured inside; processor time is this process's alone,
memory its peak and, for streams, what it held at each tenth of the way.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from ipaddress import ip_network
from pathlib import Path

import uvloop

from verification.engine.config import EngineConfig
from verification.engine.memory import collect_less_often
from verification.engine.pipeline import Engine
from verification.engine.types import Answer, Reason

MISSING_EVERY = 10  # one address in so many does not exist


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for: `count` addresses over `domains` domains, those of a domain together unless `shuffled`."""

    dns: tuple[str, int]
    smtp_port: int
    count: int
    domains: int
    in_flight: int = 2_000
    per_host: int = 5
    tarpits: int = 0  # among the others, each with a domain of its own; nobody waits for their end
    shuffled: bool = False


@dataclass(slots=True)
class Measure:
    """What came of it: answers a second, processor seconds per 1,000 addresses, megabytes."""

    answers: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    rate: float = 0.0
    seconds: float = 0.0  # from the first address handed in to the last answer
    processor: float = 0.0
    waited: float = 0.0  # seconds ready to run while others had the cores: nothing on an idle machine
    base: float = 0.0
    peak: float = 0.0
    held: list[float] = field(default_factory=list)  # at each tenth


def addresses(load: Load) -> Iterator[str]:
    """Give the addresses in the order in which they are handed in."""
    each = -(-load.count // load.domains)
    good = (
        f"{'missing' if n % MISSING_EVERY == 0 else 'user'}{n}@bulk-{n // each + 1}.test" for n in range(load.count)
    )
    if not (load.shuffled or load.tarpits):
        yield from good
        return
    everything = list(good)
    if load.shuffled:
        random.Random(1).shuffle(everything)
    total = len(everything) + load.tarpits
    for number in range(load.tarpits):
        everything.insert(number * total // load.tarpits, f"user@tarpit-{number + 1}.test")
    yield from everything


def is_right(answer: Answer) -> bool:
    """Compare with what the name says."""
    expected = Reason.MAILBOX_DOES_NOT_EXIST if answer.user.startswith("missing") else Reason.SUCCESS
    return answer.verdict.reason is expected


class Run:
    """Keeps `in_flight` addresses going until all but the tarpits are answered."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._source = addresses(load)
        self._wrong: Counter[str] = Counter()
        self._first = self._last = 0.0
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.measure = Measure(base=held_megabytes())

    async def run(self) -> Measure:
        engine = Engine(_config(self._load))
        measure, load = self.measure, self._load
        began, processor, waited = time.perf_counter(), time.process_time(), waited_seconds()
        workers = [asyncio.create_task(self._work(engine)) for _ in range(min(load.in_flight, load.count))]
        for worker in workers:
            worker.add_done_callback(self._on_end)
        await self._done
        measure.processor = (time.process_time() - processor) / load.count * 1_000
        measure.waited = waited_seconds() - waited
        measure.seconds = self._last - began
        measure.rate = (load.count - 1) / (self._last - self._first)
        measure.wrong = dict(self._wrong)
        measure.peak = peak_megabytes()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await engine.aclose()
        return measure

    async def _work(self, engine: Engine) -> None:
        for address in self._source:
            answer = await engine.verify(address)
            if not answer.domain.startswith("tarpit"):
                self._note(answer)

    def _note(self, answer: Answer) -> None:
        measure, count = self.measure, self._load.count
        self._last = time.perf_counter()
        self._first = self._first or self._last
        measure.answers += 1
        if not is_right(answer):
            self._wrong[f"{answer.verdict.reason} {answer.verdict.blame}"] += 1
        if measure.answers % max(1, count // 10) == 0:
            measure.held.append(held_megabytes())
        if measure.answers == count:
            self._done.set_result(None)

    def _on_end(self, worker: asyncio.Task[None]) -> None:
        """Break down when a worker did: nobody would ask for its addresses."""
        if not worker.cancelled() and (error := worker.exception()) and not self._done.done():
            self._done.set_exception(error)


def _config(load: Load) -> EngineConfig:
    return EngineConfig(
        resolvers=(load.dns,),
        smtp_port=load.smtp_port,
        helo_name="probe.candour.test",
        mail_from="probe@candour.test",
        allowed_networks=(ip_network("127.1.0.0/16"),),
        concurrency=load.in_flight,
        per_host=load.per_host,
    )


def held_megabytes() -> float:
    """Give the resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / (1 << 20)


def peak_megabytes() -> float:
    """Give the peak resident memory of this program; ru_maxrss would count what its parent had when it forked."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def load_of(text: str) -> Load:
    """Read a load as handed in on the command line."""
    given = json.loads(text)
    return Load(**{**given, "dns": (given["dns"][0], given["dns"][1])})


def waited_seconds() -> float:
    """Give for how long this process's main thread was ready to run and had no core (Linux; else 0)."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


async def _measure(load: Load) -> Measure:
    return await Run(load).run()


def main() -> None:
    load = load_of(sys.argv[1])
    collect_less_often()
    print(json.dumps(asdict(uvloop.run(_measure(load)))))


if __name__ == "__main__":
    main()
