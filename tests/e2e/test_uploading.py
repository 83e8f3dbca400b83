"""Sending files from a browser: how far they are, and what happens when it goes wrong in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Portal
from tests.e2e.line import Cut, Line, line_to
from tests.e2e.test_road import sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("portal")]
GENEROUS = 60_000  # milliseconds
LIST = "email\n" + "".join(f"user{n}@ok.test,{'x' * 80}\n" for n in range(4_000))
LOST = "The connection was lost while once.csv was sent."


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(GENEROUS)
    expect.set_options(timeout=GENEROUS)
    yield context
    expect.set_options(timeout=5_000)


@pytest.fixture
def line(portal: Portal) -> Iterator[Line]:
    with line_to(portal.url) as line:
        yield line


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    contents = {"may.csv": LIST, "once.csv": LIST, "june.csv": "email\njune@ok.test\n", "july.csv": ""}
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    return {name: tmp_path / name for name in contents}


def new_list(context: BrowserContext, portal: Portal) -> Page:
    page = context.new_page()
    sign_in(page, portal)
    page.get_by_role("link", name="New list").first.click()
    page.wait_for_url("**/lists/new")
    return page


def test_it_shows_how_far_it_is_and_can_be_stopped(
    portal: Portal, context: BrowserContext, files: dict[str, Path]
) -> None:
    page = new_list(context, portal)
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 20_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.locator("input[type=file]").set_input_files(files["may.csv"])
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_label("Sending may.csv")).to_be_visible()
    expect(page.locator("#sending-words")).to_contain_text(" of 0.4 MB, about ")
    page.get_by_role("button", name="Stop sending").click()

    expect(page.get_by_role("alert")).to_contain_text("Stopped: may.csv was not sent.")
    expect(page.get_by_role("button", name="Send again")).to_be_focused()
    files["may.csv"].unlink()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("alert")).to_contain_text("may.csv cannot be read:")


def test_what_was_lost_on_the_way_is_sent_again_and_comes_once(
    portal: Portal, context: BrowserContext, line: Line, files: dict[str, Path]
) -> None:
    page = new_list(context, replace(portal, url=line.url))
    page.locator("input[type=file]").set_input_files(files["once.csv"])
    line.cut = Cut.ON_THE_WAY
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text(LOST)
    line.cut = Cut.BEFORE_THE_ANSWER
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("alert")).to_contain_text(LOST)
    line.cut = Cut.NEVER
    page.get_by_role("button", name="Send again").click()
    page.wait_for_url("**/uploads/*")

    expect(page.get_by_role("heading", name="once.csv")).to_be_visible()
    page.goto(page.url.rsplit("/", 1)[0])
    expect(page.get_by_role("link", name="once.csv")).to_have_count(1)


def test_signing_in_again_keeps_the_form(portal: Portal, context: BrowserContext, files: dict[str, Path]) -> None:
    page = new_list(context, portal)
    page.locator("input[type=file]").set_input_files([files["june.csv"], files["may.csv"], files["july.csv"]])
    context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("You are no longer signed in, so nothing of this file was taken.")
    other = context.new_page()
    sign_in(other, portal)
    expect(other.get_by_role("link", name="New list").first).to_be_visible()

    page.get_by_role("button", name="Send again").click()
    page.wait_for_url("**/uploads?sent=*")
    expect(page.get_by_role("alert")).to_contain_text("july.csv: The file is empty.")
    expect(page.locator(".waiting-file a")).to_have_text(["june.csv", "may.csv"])
