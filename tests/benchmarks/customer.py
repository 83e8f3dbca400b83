"""A customer of a running ./run: signs in, uploads, starts, waits, downloads; and what its processes took."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: upload with the look at the file, start to rows being checks, to the first result, to the last."""

    upload: float
    ready: float
    first: float
    last: float


class Customer:
    """Drives the pages with the account of first-run.json."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()
        self.first_run: dict[str, str] = json.loads((data / "first-run.json").read_text())
        self.client = httpx.Client(base_url=self.first_run["url"], follow_redirects=True, timeout=600)
        form = {"login": self.first_run["customer_email"], "password": self.first_run["customer_password"]}
        self.post(self.client.get("/accounts/login/"), form).raise_for_status()
        self.account = str(self.client.get("/").url).split("/a/")[1].split("/")[0]

    def post(
        self,
        page: httpx.Response,
        data: dict[str, str],
        to: str = "",
        **files: Any,  # Any: httpx's union
    ) -> httpx.Response:
        """Send a form of a page, to the page itself or elsewhere."""
        token = CSRF.search(page.text)
        assert token, f"no form on {page.url}"
        headers = {"Referer": str(page.url)}
        filled = data | {"csrfmiddlewaretoken": token[1]}
        return self.client.post(to or page.url, data=filled, headers=headers, **files)

    def start(self, text: str) -> tuple[str, httpx.Response, float]:
        """Upload a list and start it; gives the job's id, its page and the seconds of the upload."""
        new = self.client.get(f"/a/{self.account}/lists/new")
        begun = time.monotonic()
        found = self.post(new, {}, files={"file": ("list.csv", text.encode(), "text/csv")})
        found.raise_for_status()
        seconds = time.monotonic() - begun
        page = self.post(found, {"address_column": "0"})
        page.raise_for_status()
        return str(page.url).split("?")[0].rstrip("/").rsplit("/", 1)[1], page, seconds

    def make_ready(self, addresses: Iterable[str], rows: int) -> float:
        """Give the seconds until an uploaded list's rows are all checks while its job is paused; it is cancelled."""
        text = as_list(addresses)
        begun = time.monotonic()
        job_id, page, _ = self.start(text)
        self.act(page, job_id, "pause")
        while self.job(job_id)["counts"]["total"] < rows:
            time.sleep(0.1)
        seconds = time.monotonic() - begun
        self.act(page, job_id, "cancel")
        return seconds

    def act(self, page: httpx.Response, job_id: str, action: str) -> None:
        self.post(page, {}, to=f"/a/{self.account}/jobs/{job_id}/{action}").raise_for_status()

    def verify(self, addresses: Iterable[str]) -> tuple[str, Times, dict[str, int]]:
        """Upload addresses, start, wait for the end; gives the job's id, the times and its counters."""
        job_id, _, upload = self.start(as_list(addresses))
        started, ready, first = time.monotonic(), 0.0, 0.0
        while True:
            status = self.job(job_id)
            counts, now = status["counts"], time.monotonic() - started
            ready = ready or (now if status["status"] != "parsing" else 0.0)
            first = first or (now if counts["decided"] + counts["undecided"] else 0.0)
            if status["status"] in ("finished", "cancelled"):
                return job_id, Times(upload, ready, first, now), counts
            time.sleep(0.25)

    def job(self, job_id: str) -> dict[str, Any]:  # Any: JSON
        headers = {"X-License-Key": self.first_run["license_key"]}
        answer: dict[str, Any] = self.client.get(f"/api/v1/jobs/{job_id}", headers=headers).json()
        return answer

    def download(self, job_id: str) -> tuple[int, float]:
        """Give the rows of the CSV and the seconds it took."""
        begun, rows = time.monotonic(), 0
        with self.client.stream("GET", f"/a/{self.account}/jobs/{job_id}/export.csv") as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                rows += chunk.count(b"\n")
        return rows, time.monotonic() - begun


def as_list(addresses: Iterable[str]) -> str:
    return "email\n" + "\n".join(addresses) + "\n"


def print_memory(data: Path) -> None:
    """Print the peak resident memory (VmHWM) of every process that runs with this data folder."""
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
