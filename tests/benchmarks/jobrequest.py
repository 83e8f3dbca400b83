"""How the web process bears the largest job requests: seconds, memory, and how others fare meanwhile.

    python -m tests.benchmarks.jobrequest [--times 3] [--addresses 100000]

Starts a product of its own (tests/chaos/product.py).  curl hands in each request several times; meanwhile others
make forty calls a second, each timed from the moment it was due.  Every job is cancelled before the next.  Processor
time is the web process's, for the request and the others together.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.chaos.product import Product

LARGEST_BYTES = 20_971_520
OTHERS_A_SECOND = 40
SETTINGS = {"LOG_LEVEL": "WARNING"}
LIMITS = """
UPDATE accounts_accountconfig SET calls_per_minute = 1000000, concurrent_calls = 10000 RETURNING id
"""
QUOTA = "UPDATE accounts_quotaperiod SET granted = 100000000 RETURNING id"
ASKED = "asked: 3 s, 250 MB, 500 ms"


@dataclass
class Figures:
    """What was seen of one shape of request."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    others: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--times", type=int, default=3)
    options.add_argument("--addresses", type=int, default=100_000)
    chosen = options.parse_args()
    product = Product(SETTINGS)
    try:
        asyncio.run(measure(product, chosen.times, chosen.addresses))
    finally:
        product.stop()
        product.forget()


async def measure(product: Product, times: int, addresses: int) -> None:
    product.ask(LIMITS)
    product.ask(QUOTA)
    (web,) = product.processes_of("web")
    others = Others(product.url, product.first_run["license_key"])
    await asyncio.to_thread(hand_in, product, body({"email": "jane@ok.test"}))  # loads what the first call loads
    async with others.asking():
        await asyncio.sleep(3)
    print(f"load {os.getloadavg()[0]:.1f}, web process {resident(web):.0f} MB; {ASKED}")
    print_others("nothing else", Figures(others=others.taken()))
    for name, request in shapes(addresses):
        figures = Figures()
        for _ in range(times):
            base, spent = forget_peak(web), processor_seconds(web)
            async with others.asking():
                seconds, answer = await asyncio.to_thread(hand_in, product, request)
            figures.seconds.append(seconds)
            figures.processor.append(processor_seconds(web) - spent)
            figures.megabytes.append(peak(web) - base)
            await asyncio.to_thread(cancel, product, job_of(answer))
        figures.others = others.taken()
        print(f"{name}, {len(request) / 1e6:.1f} MB; load {os.getloadavg()[0]:.1f}")
        print(f"    {listed(figures.seconds, 2)} s; processor time {listed(figures.processor, 2)} s")
        print(f"    {listed(figures.megabytes, 0)} MB more")
        print_others("", figures)


def shapes(addresses: int) -> Iterator[tuple[str, bytes]]:
    """Give requests of so many addresses, by their shape."""
    emails = [{"email": f"customer.{number}@bulk-{number % 997}.test"} for number in range(addresses)]
    yield f"{addresses:,} in one block", body(*emails)
    blocks = [{"mail": {"to": [email]}, "reference": f"crm-{number}"} for number, email in enumerate(emails)]
    yield f"{addresses:,} blocks", json.dumps({"recipients": blocks}).encode()
    room = LARGEST_BYTES - len(body(*emails)) - 10 * addresses
    name = "N" * (room // addresses)
    named = [{"email": f"{name} <{email['email']}>"} for email in emails]
    yield "the largest body", body(*named).ljust(LARGEST_BYTES)


def body(*emails: dict[str, str]) -> bytes:
    return json.dumps({"recipients": [{"mail": {"to": emails}}]}).encode()


def hand_in(product: Product, request: bytes) -> tuple[float, bytes]:
    """Give the seconds to the end of the answer, as curl counts them, and the answer.

    It is not read here: the reader would hold up the others' clocks, in this process, for half a second.
    """
    with tempfile.TemporaryDirectory() as folder:
        sent, answered = Path(folder, "sent"), Path(folder, "answered")
        sent.write_bytes(request)
        command = ["curl", "-s", "-o", str(answered), "-w", "%{http_code} %{time_total}", "--data-binary", f"@{sent}"]
        command += ["-H", f"X-License-Key: {product.first_run['license_key']}", "-H", "Content-Type: application/json"]
        out = subprocess.run(
            [*command, "-H", "Expect:", f"{product.url}/api/v1/jobs"], capture_output=True, text=True, check=True
        ).stdout
        answer = answered.read_bytes()
    status, seconds = out.split()
    if status != "202":
        raise SystemExit(f"{status}: {answer[:1000]!r}")
    return float(seconds), answer


def job_of(answer: bytes) -> str:
    document: dict[str, Any] = json.loads(answer)  # Any: JSON
    return str(document["meta"]["jobId"])


def cancel(product: Product, job: str) -> None:
    """End a job and wait until nobody works on it."""
    headers = {"X-License-Key": product.first_run["license_key"]}
    httpx.post(f"{product.url}/api/v1/jobs/{job}/cancel", headers=headers, timeout=60)
    while product.ask("SELECT 1 FROM verification_batch WHERE token IS NOT NULL"):
        time.sleep(0.2)
    time.sleep(1)


class Others:
    """Callers who ask for something quick, again and again."""

    def __init__(self, url: str, key: str) -> None:
        v2 = f"{url}/api/emh/a/v2?k={key}&e="
        self.urls = {
            "live, reused": f"{v2}someone@ok.test",
            "live, sandbox": f"{url}/api/emh/a/v2/sandbox?k={key}&e=jane@ok.test",
            "healthz": f"{url}/healthz",
            "a page": f"{url}/accounts/login/",
        }
        self.seconds: dict[str, list[float]] = {name: [] for name in self.urls}

    def asking(self) -> Asking:
        return Asking(self)

    def taken(self) -> dict[str, list[float]]:
        """Give what was measured since the last time."""
        seconds, self.seconds = self.seconds, {name: [] for name in self.urls}
        return seconds


class Asking:
    """Asks at a steady rate until the end of the block, then waits for the last answers."""

    def __init__(self, others: Others) -> None:
        self.others = others

    async def __aenter__(self) -> None:
        self.client = httpx.AsyncClient(timeout=60, limits=httpx.Limits(keepalive_expiry=1))
        self.calls: list[asyncio.Task[None]] = []
        self.driver = asyncio.create_task(self.drive())

    async def __aexit__(self, *_: object) -> None:
        self.driver.cancel()
        await asyncio.gather(*self.calls)
        await self.client.aclose()

    async def drive(self) -> None:
        begun, number = time.monotonic(), 0
        names = list(self.others.urls)
        while True:
            due = begun + number / OTHERS_A_SECOND
            await asyncio.sleep(max(due - time.monotonic(), 0))
            self.calls.append(asyncio.create_task(self.ask(names[number % len(names)], due)))
            number += 1

    async def ask(self, name: str, due: float) -> None:
        (await self.client.get(self.others.urls[name])).raise_for_status()
        self.others.seconds[name].append(time.monotonic() - due)


def listed(numbers: list[float], places: int) -> str:
    return ", ".join(f"{number:.{places}f}" for number in numbers)


def print_others(name: str, figures: Figures) -> None:
    for other, seconds in figures.others.items():
        ordered = sorted(seconds)
        at = {part: ordered[min(int(part * len(ordered)), len(ordered) - 1)] * 1000 for part in (0.5, 0.99)}
        line = f"p50 {at[0.5]:.0f} ms, p99 {at[0.99]:.0f} ms, the slowest {ordered[-1] * 1000:.0f} ms"
        print(f"    {name:14}{other:16}{len(seconds):>6} calls: {line}", flush=True)


def resident(pid: int) -> float:
    return in_status(pid, "VmRSS")


def peak(pid: int) -> float:
    return in_status(pid, "VmHWM")


def forget_peak(pid: int) -> float:
    """Have the peak counted anew from what is resident, and give that."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return resident(pid)


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def in_status(pid: int, name: str) -> float:
    """Give a size in MB."""
    found = re.search(rf"{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found, "Linux"
    return int(found[1]) / 1024


if __name__ == "__main__":
    main()
