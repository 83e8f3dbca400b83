"""How long each page takes in an account with a million checks, what it weighs, and whether it jumps.

    python -m tests.benchmarks.pages [--keep FOLDER] [--only PART] [--no-browser]

Fills an embedded Postgres of its own (some 2 GB, gone at the end; with --keep it stays in the folder, and the next run
only measures): lists of 1,000 to 500,000 rows, one of them at work, single checks, 100,000 suppressed addresses, 50,000
deliveries of webhooks, ledger, usage, members, keys.  Asks for every page of the URL map that answers its owner, and
for a list's page by each filter and order, from its middle and its end; in this process, through all middleware.
Chromium then opens each over HTTP, its cache empty, and keeps the page of the list at work open while verdicts come in.

Prints per page: queries, the median and the 95th percentile of 20 in ms, kB of its HTML packed, kB of a first load as
served, and the sum of layout shifts.  Exits with 1 when one is over its bound.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psycopg

from tests.benchmarks.admin import product

if TYPE_CHECKING:
    from django.test import Client
    from playwright.sync_api import Browser, BrowserContext

MOST_QUERIES, MOST_MS, MOST_BYTES, MOST_SHIFT = 10, 150.0, 200_000, 0.1
ROUNDS = 20
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.shifted += shift.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@dataclass
class Measured:
    path: str
    queries: int
    milliseconds: list[float]
    packed: int
    first_load: int = 0
    shift: float = 0.0

    @property
    def is_over(self) -> bool:
        usual = median(self.milliseconds)
        return self.queries > MOST_QUERIES or usual > MOST_MS or self.first_load > MOST_BYTES or self.shift > MOST_SHIFT

    def __str__(self) -> str:
        usual, late = median(self.milliseconds), sorted(self.milliseconds)[int(0.95 * len(self.milliseconds))]
        return (
            f"{'!' if self.is_over else ' '} {self.queries:3} {usual:8.1f} {late:8.1f} {self.packed / 1000:7.1f} "
            f"{self.first_load / 1000:7.1f} {self.shift:6.3f}  {self.path}"
        )


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--keep", type=Path)
    options.add_argument("--only", default="", help="a part of the addresses to measure")
    options.add_argument("--no-browser", action="store_true", help="leave first loads and layout shifts out")
    chosen = options.parse_args()
    with product(chosen.keep) as (url, is_new):
        set_up()
        pages = Path(os.environ["PORTAL_DATA"]) / "pages.json"
        if is_new:
            pages.write_text(json.dumps(make_rows(url)))
        client = owners_client()
        paths = [path for path in (*json.loads(pages.read_text()), *addresses_of_lists()) if chosen.only in path]
        measured = [measure(client, path) for path in paths]
        if not chosen.no_browser:
            look(client.cookies["sessionid"].value, measured)
    print("  queries   ms    95 %    kB  first kB  shift")
    for each in measured:
        print(each)
    return int(any(each.is_over for each in measured))


def set_up() -> None:
    """Serve static files as in production, and have the product ask mail servers."""
    from django.conf import settings
    from django.core.management import call_command

    settings.STORAGES["staticfiles"] = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
    call_command("collectstatic", interactive=False, verbosity=0)


def make_rows(url: str) -> list[str]:
    """Fill the account; gives the addresses of its owner's pages."""
    from tests.benchmarks.pages_fill import Sizes, fill
    from tests.portal.pages import pages_for
    from tests.portal.routes import make_world

    world, sizes = make_world("bench"), Sizes()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")  # no look at keys
        seconds = fill(lambda query, values: connection.execute(query, values), sizes, world)
        connection.execute("VACUUM (ANALYZE)")
    print(f"an account with {sizes.checks:,} checks filled in {seconds:.0f} s", flush=True)
    return pages_for(owners_client(), world)


def owners_client() -> Client:
    from django.test import Client

    from accounts.models import User
    from tests.portal.pages import sign_in

    client = Client()
    sign_in(client, User.objects.get(email="bench@bench.example"))
    return client


def addresses_of_lists() -> list[str]:
    """Give the page of the longest list by each filter and order, from its middle and end; and of the one at work."""
    from accounts.models import Account
    from tests.benchmarks.pages_fill import jobs_by_size
    from verification.models import Check

    account = Account.objects.get(name="bench account")
    longest, *_, at_work = [(f"/a/{account.slug}/jobs/{job.pk}", job.total // 2) for job in jobs_by_size(account)]
    page, middle = longest
    row = Check.objects.filter(job_id=page.rpartition("/")[2], position=middle).values_list("pk", flat=True)[0]
    queries = (
        *("", "?show=Ok", "?show=Unverifiable", "?show=risky", "?show=undecided", "?show=waiting", "?show=refused"),
        *("?show=duplicate", "?reason=ServerIsCatchAll", "?blame=their_policy", "?provider=Google", "?provider=other"),
        *("?q=nobody", "?q=@bulk-77", "?sort=end", f"?after={middle}", f"?before={middle}", "?show=Bad&q=ffff"),
        *(f"?sort={order}" for order in ("address", "-address", "verdict", "-verdict")),
        *(f"?sort={order}&after={row}" for order in ("address", "-address", "verdict", "-verdict")),
        *("?show=Bad&sort=address", "?q=@bulk-77&sort=address", "?blame=their_policy&sort=-verdict"),
        *(f"/rows/{middle}", "/chart.json", "/progress"),
    )
    return [*(page + query for query in queries), at_work[0], f"{at_work[0]}/progress"]


def measure(client: Client, path: str) -> Measured:
    """Ask for a page, once not counted, and then in turn."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
        asked = len(queries)
    assert answer.status_code in (200, 286), (path, answer.status_code)
    taken = []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        client.get(path)
        taken.append((time.monotonic() - begun) * 1_000)
    return Measured(path, asked, taken, len(gzip.compress(answer.content)))


def look(session: str, measured: list[Measured]) -> None:
    """Open each page in Chromium, over HTTP with static files as they are served."""
    from playwright.sync_api import sync_playwright

    from tests.asgi_server import serving

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop is in this thread, and nothing waits for it
    with serving() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for each in measured:
            with a_context(browser, url, session, 1280) as context:
                each.first_load, each.shift = first_load(context, url + each.path)
        for width in (1280, 390):
            with a_context(browser, url, session, width) as context:
                live = watched(context, url + addresses_of_lists()[-2])
                print(f"{'!' if live > MOST_SHIFT else ' '} shift {live:.3f} {width} px wide, as verdicts come in")
        browser.close()


@contextmanager
def a_context(browser: Browser, url: str, session: str, width: int) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_init_script(SHIFTS)
    context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
    yield context
    context.close()


def first_load(context: BrowserContext, url: str) -> tuple[int, float]:
    """Give the bytes that came over the wire, and how far things moved."""
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    came: list[int] = []
    devtools.on("Network.loadingFinished", lambda event: came.append(int(event["encodedDataLength"])))
    page.goto(url, wait_until="networkidle" if "/jobs/" not in url else "load")
    page.wait_for_timeout(300)
    return sum(came), float(page.evaluate("window.shifted"))


def watched(context: BrowserContext, url: str) -> float:
    """Give how far things moved on the page of a list at work, from its first verdict to its end."""
    from tests.benchmarks.pages_live import at_its_start, watch
    from verification.models import Job

    job = Job.objects.get(pk=url.partition("/jobs/")[2])
    page = context.new_page()
    with at_its_start(job):
        page.goto(url, wait_until="load")
        watch(page, job)
        return float(page.evaluate("window.shifted"))


if __name__ == "__main__":
    sys.exit(main())
