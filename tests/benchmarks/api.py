"""One web worker's calls a second, and how it bears 2,000 that wait: beside a running ./run, on its database.

    ./run &
    python -m tests.benchmarks.api [--data .data] [--seconds 30] [--held 2000]

Starts a web process of its own with two routes more (tests/benchmarks/api_server.py), so that all figures are of the
same server, layers and pool.  wrk (Debian's package) with 32 connections asks for a bare answer, for a `SELECT 1`, and
for an address whose result is reused: authenticate, reserve, settle, history.  Then calls are held open by a server
that takes 10 s, while 100 others a second are answered.  The customer's limits are lifted for it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import httpx
import psycopg

from portal.environment import development_key
from portal.postgres import Postgres, free_port

CONNECTIONS = 32
WARM_UP_SECONDS = 5
BESIDE_SECONDS = 10
BESIDE_A_SECOND = 100
REUSED = "someone@ok.test"
LIFT = """
from accounts.domain import config
from accounts.models import Account
held = config.config_of(Account.objects.get(slug="demo"))
held.calls_per_minute, held.concurrent_calls = 10_000_000, 10_000
config.store(config=held, actor=None, reason="a benchmark")
"""
LEDGER = """
SELECT (SELECT count(*) FROM accounts_ledgerentry WHERE kind = 'settle' AND reference LIKE 'live:%'),
       (SELECT count(*) FROM verification_check WHERE job_id IS NULL),
       (SELECT sum(used) FROM accounts_quotaperiod)
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(".data"))
    options.add_argument("--seconds", type=int, default=30)
    options.add_argument("--held", type=int, default=2_000)
    chosen = options.parse_args()
    subprocess.run([sys.executable, "-m", "portal.launcher", "shell", "-v", "0", "-c", LIFT], check=True)
    first_run = json.loads((chosen.data / "first-run.json").read_text())
    postgres = Postgres(chosen.data.resolve())
    try:
        database = postgres.use()
        with serving(chosen.data.resolve(), database) as (url, pid):
            live = f"{url}/api/emh/a/v2?k={first_run['license_key']}&e={REUSED}"
            httpx.get(live, timeout=60).raise_for_status()
            measure_rates(url, live, chosen.seconds, database)
            asyncio.run(hold(url, live, chosen.held, pid))
    finally:
        postgres.leave()


@contextmanager
def serving(data: Path, database: str) -> Iterator[tuple[str, int]]:
    """Give the address and the process of a web worker."""
    port = free_port()
    dns, smtp_port = json.loads((data / "run" / "facts.json").read_text())["mail_world"]
    given = {"DATABASE_URL": database, "PORTAL_DATA": str(data), "PORTAL_ROLE": "web", "MAIL_WORLD_DNS": dns}
    given |= {"MAIL_WORLD_SMTP_PORT": str(smtp_port), "DJANGO_SETTINGS_MODULE": "portal.settings"}
    given |= {"SECRET_KEY": development_key(data)}
    command = [sys.executable, "-m", "uvicorn", "tests.benchmarks.api_server:application", "--port", str(port)]
    command += ["--http", "portal.http.protocol:UnencodedTargets", "--loop", "uvloop", "--ws", "none"]
    command += ["--no-access-log", "--no-server-header", "--no-proxy-headers", "--log-level", "warning"]
    with (data / "api-benchmark.log").open("w") as log:
        process = subprocess.Popen(command, env=os.environ | given, stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(200):
            try:
                httpx.get(f"{url}/bare/hello")
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(20)


def measure_rates(url: str, live: str, seconds: int, database: str) -> None:
    """Print calls a second of the three routes, and whether the books of the last agree."""
    hello = wrk(f"{url}/bare/hello", seconds)
    select = wrk(f"{url}/bare/select", seconds)
    before = books(database)
    reused = wrk(live, seconds)
    time.sleep(1)
    settled, kept, used = (now - then for now, then in zip(books(database), before, strict=True))
    print(f"{'':34}{'a second':>10}{'p50':>10}{'p99':>10}")
    for name, (rate, middle, late) in {"hello": hello, "SELECT 1": select, "reused result": reused}.items():
        print(f"{name:34}{rate:>10,.0f}{middle:>10}{late:>10}")
    print(f"a reused result is {reused[0] / select[0]:.2f} of a SELECT 1")
    print(
        f"settled {settled:,}, kept {kept:,}, charged {used:,}: {'equal' if settled == kept == used else 'NOT EQUAL'}\n"
    )


def wrk(url: str, seconds: int) -> tuple[float, str, str]:
    """Give calls a second, and the times of half and of 99 of 100 answers.  All answers must be good."""
    subprocess.run(command(url, WARM_UP_SECONDS), capture_output=True, check=True)
    out = subprocess.run(command(url, seconds), capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in out or "Socket errors" in out:
        raise SystemExit(out)
    found = [re.search(pattern, out) for pattern in (r"Requests/sec:\s+(\S+)", r"50%\s+(\S+)", r"99%\s+(\S+)")]
    rate, middle, late = (match[1] for match in found if match)
    return float(rate), middle, late


def command(url: str, seconds: int) -> list[str]:
    return ["wrk", "--latency", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", url]


def books(database: str) -> tuple[int, int, int]:
    with psycopg.connect(database) as connection:
        row = connection.execute(LEDGER).fetchone()
        assert row is not None
        return row[0], row[1], int(row[2])


async def hold(url: str, live: str, held: int, pid: int) -> None:
    """Hold calls open by a slow server, and print how others fare meanwhile."""
    limits = httpx.Limits(max_connections=None)
    async with (
        httpx.AsyncClient(timeout=120, limits=limits) as slow,
        httpx.AsyncClient(timeout=60, limits=limits) as quick,
    ):
        waiting = [asyncio.create_task(slow.get(slow_url(live, number))) for number in range(held)]
        await asyncio.sleep(5)
        open_at_once = sum(not task.done() for task in waiting)
        asked = []
        begun = time.monotonic()
        for number in range(BESIDE_SECONDS * BESIDE_A_SECOND):
            await asyncio.sleep(max(begun + number / BESIDE_A_SECOND - time.monotonic(), 0))
            asked.append(asyncio.create_task(timed(quick, live)))
        threads, megabytes = usage(pid)
        still = sum(not task.done() for task in waiting)
        seconds = await asyncio.gather(*asked)
        answers = Counter(answer.status_code for answer in await asyncio.gather(*waiting))
    cuts = quantiles(seconds, n=100)
    print(f"{open_at_once:,} calls held, {still:,} of them still {BESIDE_SECONDS} s later; in the end: {dict(answers)}")
    print(f"{BESIDE_A_SECOND} others a second: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms")
    print(f"web process meanwhile: {threads} threads, {megabytes:.0f} MB at most")


def slow_url(live: str, number: int) -> str:
    return live.replace(REUSED, f"user{number}.{int(time.time())}@slow-10000.test") + "&max_wait=40"


async def timed(client: httpx.AsyncClient, url: str) -> float:
    begun = time.monotonic()
    (await client.get(url)).raise_for_status()
    return time.monotonic() - begun


def usage(pid: int) -> tuple[int, float]:
    """Give the threads of a process, and its peak memory in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    threads, peak = (re.search(rf"{name}:\s+(\d+)", status) for name in ("Threads", "VmHWM"))
    assert threads, "Linux"
    assert peak, "Linux"
    return int(threads[1]), int(peak[1]) / 1024


if __name__ == "__main__":
    main()
