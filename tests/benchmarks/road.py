"""The whole road: upload of 20,000 addresses over 2,000 domains to the last result, against a running ./run.

    ./run &            # with PORTAL_DATA and PORT as you like
    python -m tests.benchmarks.road [--data .data] [--addresses 20000] [--domains 2000]

Signs in with the account of first-run.json, uploads, starts, waits, and prints rates and the peak memory of each
process of the product (VmHWM, from /proc).
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path

import httpx

CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(".data"))
    options.add_argument("--addresses", type=int, default=20_000)
    options.add_argument("--domains", type=int, default=2_000)
    chosen = options.parse_args()
    first_run = json.loads((chosen.data / "first-run.json").read_text())
    with httpx.Client(base_url=first_run["url"], follow_redirects=True, timeout=120) as client:
        sign_in(client, first_run)
        lines = (f"user{n}@bulk-{n % chosen.domains + 1}.test" for n in range(chosen.addresses))
        run(client, "email\n" + "\n".join(lines) + "\n", chosen.addresses, first_run["license_key"])
    print_memory(chosen.data.resolve())


def sign_in(client: httpx.Client, first_run: dict[str, str]) -> None:
    form = client.get("/accounts/login/")
    data = {"login": first_run["customer_email"], "password": first_run["customer_password"]}
    post(client, form, data).raise_for_status()


def post(client: httpx.Client, page: httpx.Response, data: dict[str, str], **files: object) -> httpx.Response:
    token = CSRF.search(page.text)
    assert token, f"no form on {page.url}"
    headers = {"Referer": str(page.url)}
    return client.post(page.url, data=data | {"csrfmiddlewaretoken": token[1]}, headers=headers, **files)  # type: ignore[arg-type]  # httpx's union


def run(client: httpx.Client, text: str, addresses: int, key: str) -> None:
    account = str(client.get("/").url).split("/a/")[1].split("/")[0]
    new = client.get(f"/a/{account}/lists/new")
    begun = time.monotonic()
    found = post(client, new, {}, files={"file": ("road.csv", text.encode(), "text/csv")})
    found.raise_for_status()
    uploaded = time.monotonic()
    job = post(client, found, {"address_column": "0"})
    job.raise_for_status()
    started, first = time.monotonic(), 0.0
    job_id = str(job.url).rstrip("/").rsplit("/", 1)[1]
    while True:
        progress = client.get(f"/api/v1/jobs/{job_id}", headers={"X-License-Key": key}).json()
        counts = progress["counts"]
        first = first or (time.monotonic() if counts["decided"] + counts["undecided"] else 0.0)
        if progress["status"] in ("finished", "cancelled"):
            break
        time.sleep(0.1)
    ended = time.monotonic()
    print(f"{'upload and look':34}{uploaded - begun:8.2f} s")
    print(f"{'start to first result visible':34}{first - started:8.2f} s")
    print(f"{'start to last result':34}{ended - started:8.2f} s {addresses / (ended - started):10,.0f} addresses/s")
    print(f"{'upload to last result':34}{ended - begun:8.2f} s {addresses / (ended - begun):10,.0f} addresses/s")
    print({name: count for name, count in counts.items() if count})


def print_memory(data: Path) -> None:
    """Print the peak resident memory of every process that runs with this data folder."""
    print(f"\n{'peak memory':60}{'MB':>8}")
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            status = (process / "status").read_text()
        except OSError:
            continue
        peak = re.search(r"VmHWM:\s+(\d+)", status)
        if f"PORTAL_DATA={data}\0".encode() in environment and peak:
            print(f"{command[-58:]:60}{int(peak[1]) / 1024:8.0f}")


if __name__ == "__main__":
    main()
