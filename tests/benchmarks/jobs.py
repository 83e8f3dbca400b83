"""A job beside the engine alone, a list beside a bare COPY, an export: against a running ./run on the same machine.

./run &
python -m tests.benchmarks.jobs [--data .data] [--addresses 100000] [--domains 10000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from portal.postgres import Postgres
from tests.benchmarks.customer import Customer, print_memory


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(".data"))
    options.add_argument("--addresses", type=int, default=100_000)
    options.add_argument("--domains", type=int, default=10_000)
    options.add_argument("--without-engine", action="store_true", help="leave out the engine alone")
    chosen = options.parse_args()
    customer, rows = Customer(chosen.data), chosen.addresses
    line("list: upload to ready, paused", customer.make_ready(addresses(rows, chosen.domains), rows), rows)
    line("bare COPY of the same rows", bare_copy(customer.data, rows, chosen.domains), rows)
    job_id, times, counts = customer.verify(addresses(rows, chosen.domains))
    line("list: upload and look", times.upload, rows)
    line("list: start to rows being checks", times.ready, rows)
    line("job: start to first result", times.first)
    line("job: start to last result", times.last, rows)
    if not chosen.without_engine:
        line("engine alone, same addresses", engine_alone(customer.data, rows, chosen.domains), rows)
    lines, seconds = customer.download(job_id)
    line("export as CSV", seconds, lines - 1)
    print({name: count for name, count in counts.items() if count})
    print_memory(customer.data)


def addresses(rows: int, domains: int) -> Iterator[str]:
    """Give addresses of their own, so that no earlier result is used again; those of a domain lie apart."""
    run = int(time.time())
    return (f"user{n}.{run}@bulk-{n % domains + 1}.test" for n in range(rows))


def line(name: str, seconds: float, rows: int = 0) -> None:
    print(f"{name:36}{seconds:9.2f} s" + (f"{rows / seconds:12,.0f} rows/s" if rows else ""), flush=True)


def bare_copy(data: Path, rows: int, domains: int) -> float:
    """Give the seconds that COPY takes for the same rows into a bare table of the same database."""
    postgres = Postgres(data)
    try:
        with psycopg.connect(postgres.use()) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE bare (position int, address text, domain text, original text[])")
            begun = time.monotonic()
            with cursor.copy("COPY bare FROM STDIN") as pipe:
                for position, address in enumerate(addresses(rows, domains)):
                    pipe.write_row((position, address, address.partition("@")[2], [address]))
            seconds = time.monotonic() - begun
            connection.rollback()
            return seconds
    finally:
        postgres.leave()


def engine_alone(data: Path, rows: int, domains: int) -> float:
    """Give the seconds from start to the last answer of the command line on the same mail world.

    Its addresses follow their domain, as a job's batches do.
    """
    dns, smtp_port = json.loads((data / "run" / "facts.json").read_text())["mail_world"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.writelines(f"{address}\n" for address in sorted(addresses(rows, domains), key=domain_of))
        file.flush()
        command = [sys.executable, "-m", "verification.engine", "--file", file.name, "--resolver", dns]
        command += ["--smtp-port", str(smtp_port), "--allow-network", "127.1.0.0/16", "--helo", "bench.example.com"]
        begun = time.monotonic()
        subprocess.run([*command, "--concurrency", "1000"], stdout=subprocess.DEVNULL, check=True)
        return time.monotonic() - begun


def domain_of(address: str) -> str:
    return address.partition("@")[2]


if __name__ == "__main__":
    main()
