"""Draws the pictures in docs/screens: pages of customers and staff of a product with some weeks behind it.

    python -m tests.screens [--into docs/screens]

Fills an embedded Postgres of its own, serves the pages from this process and looks at them with Chromium, in a window
of 1280 pixels and, for those whose name ends with a star, in one of 390.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.claims import product

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
WINDOWS = {"": (1280, 900), "-phone": (390, 844)}
MOST_PIXELS = 1_200_000  # of a page that are shown, from its top
MOST_BYTES = 200_000
MOST_BYTES_TOGETHER = 1_500_000


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--into", type=Path, default=Path("docs/screens"))
    into = options.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("LOG_LEVEL", "WARNING")
    os.environ |= {"HELO_NAME": "probe.candour.example", "PROBE_SENDER": "probe@candour.example"}
    with product():
        from django.core.management import call_command

        from tests.asgi_server import serving
        from tests.screens.rows import make_rows

        call_command("createcachetable", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        made = make_rows()
        with serving() as url:
            draw(url, "", {"landing": "/?e=jane@catchall.test"}, into)
            draw(url, made.customer, made.pages_of_customer, into)
            draw(url, made.session, made.pages, into)
    told = sum(picture.stat().st_size for picture in into.glob("*.png"))
    print(f"{told / 1000:,.0f} kB in all")
    assert told < MOST_BYTES_TOGETHER


def draw(url: str, session: str, pages: dict[str, str], into: Path) -> None:
    """Write one picture a page and window; those of a phone only for pages whose name ends with a star."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for suffix, (width, height) in WINDOWS.items():
            context = browser.new_context(viewport={"width": width, "height": height})
            if session:
                context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
            page = context.new_page()
            for name, path in pages.items():
                if not suffix or name.endswith("*"):
                    take(page, url + path, into / f"{name.rstrip('*')}{suffix}.png")
        browser.close()


def take(page: Page, url: str, picture: Path) -> None:
    answer = page.goto(url, wait_until="load")
    assert answer is not None
    assert answer.status == 200, url
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    width = page.evaluate("document.documentElement.clientWidth")
    height = min(page.evaluate("document.documentElement.scrollHeight"), MOST_PIXELS // width, 2_200)
    page.screenshot(path=picture, full_page=True, clip={"x": 0, "y": 0, "width": width, "height": height})
    size = picture.stat().st_size
    print(f"{picture}  {size / 1000:.0f} kB{f'  {wide} px too wide' if wide > 0 else ''}", flush=True)
    assert size < MOST_BYTES, picture


if __name__ == "__main__":
    main()
