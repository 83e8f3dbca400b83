"""Does a small job wait for a giant's lists (promise 40)?  Against a running ./run on the same machine.

    ./run &
    python -m tests.benchmarks.fairness [--data .data] [--rows 2000000]

The customer of first-run.json brings lists of a million rows; another account hands in 100 addresses while nothing else
is at work, then three times while the lists are.  They are cancelled at the end.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.benchmarks.customer import Customer
from tests.benchmarks.jobs import addresses

LIST_ROWS = 1_000_000
SMALL = 100
PAUSE_SECONDS = 15.0
SECOND_ACCOUNT = f"""
from accounts.domain import accounts, keys, quota
from accounts.models import Account, KeyKind, User
from django.utils import timezone
quota.grant(account=Account.objects.get(slug="demo"), amount={{rows}}, actor=None, reason="a giant's lists")
name = "second{{now}}"
owner = User.objects.create(email=name + "@second.example")
account = accounts.open_account(name="Second", slug=name, owner=owner, monthly_quota=10 * {SMALL})
print(keys.create_key(account=account, name="A key", kind=KeyKind.LIVE, actor=None, now=timezone.now())[1])
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(".data"))
    options.add_argument("--rows", type=int, default=2 * LIST_ROWS)
    chosen = options.parse_args()
    giant = Customer(chosen.data)
    small = httpx.Client(
        base_url=giant.first_run["url"], headers={"X-License-Key": second_key(chosen.rows)}, timeout=60
    )
    line("100 addresses, alone", seconds_of_job(small, 0))
    lists = [bring(giant, rows) for rows in sizes(chosen.rows)]
    while not any(giant.job(job_id)["counts"]["decided"] for job_id, _ in lists):
        time.sleep(0.25)
    for turn in (1, 2, 3):
        line(f"beside {chosen.rows:,} rows", seconds_of_job(small, turn))
        counts = [giant.job(job_id)["counts"] for job_id, _ in lists]
        done, read = (sum(each[name] for each in counts) for name in ("decided", "total"))
        print(f"  of which {done:,} are done, {read:,} read", flush=True)
        time.sleep(PAUSE_SECONDS)
    for job_id, page in lists:
        giant.act(page, job_id, "cancel")


def sizes(rows: int) -> list[int]:
    """Give the rows of each list."""
    return [min(LIST_ROWS, rows - begun) for begun in range(0, rows, LIST_ROWS)]


def bring(giant: Customer, rows: int) -> tuple[str, httpx.Response]:
    job_id, page, _ = giant.start("email\n" + "\n".join(addresses(rows, rows // 10)) + "\n")
    return job_id, page


def second_key(rows: int) -> str:
    """Open another account, and give the customer's room for the lists; gives the other's key."""
    text = SECOND_ACCOUNT.format(rows=rows, now=int(time.time()))
    command = [sys.executable, "-m", "portal.launcher", "shell", "-v", "0", "-c", text]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]


def seconds_of_job(client: httpx.Client, turn: int) -> float:
    """Hand in a request; gives the seconds until all of it is done."""
    run = int(time.time())
    emails = [{"email": f"small{n}.{turn}.{run}@bulk-{n % 50 + 1}.test"} for n in range(SMALL)]
    began = time.monotonic()
    answer = client.post("/api/v1/jobs", json={"recipients": [{"mail": {"to": emails}}]}).raise_for_status().json()
    while client.get(f"/api/v1/jobs/{answer['meta']['jobId']}").json()["status"] != "finished":
        time.sleep(0.1)
    return time.monotonic() - began


def line(name: str, seconds: float) -> None:
    print(f"{name:36}{seconds:9.2f} s", flush=True)


if __name__ == "__main__":
    main()
