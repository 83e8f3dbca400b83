"""The public pages in a real browser: wide and narrow, by keyboard, under the strict policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.portal.test_csp import Watched, browser, live, static_root
from verification.domain import public_status

__all__ = ["browser", "live", "static_root"]
pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PAGES = ("/", "/?e=missing@ok.test", "/docs/", "/docs/quick-start", "/docs/mail-world", "/docs/verdicts", "/status")
MOST_BYTES = 200_000


def too_wide(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_complain_of_nothing(live: str, browser: Browser, width: int) -> None:
    public_status.forget()
    context = browser.new_context(viewport={"width": width, "height": 844})
    watched = Watched.tab(context)
    watched.page.add_init_script(
        "window.violations = []; addEventListener('securitypolicyviolation', e => "
        "window.violations.push(e.violatedDirective));"
    )
    for path in PAGES:
        watched.visit(live + path)
        assert (path, too_wide(watched.page)) == (path, 0)
    assert watched.complaints == []


def test_the_demo_works_without_scripts_and_by_keyboard(live: str, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = context.new_page()
    page.goto(live)
    page.get_by_label("An address of the test world").focus()
    page.keyboard.type("jane@blocked.test")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing: it was our trouble").wait_for()
    assert page.get_by_role("status").get_by_role("listitem").all_inner_texts()[-1].startswith("mx.blocked.test")
    page.get_by_role("link", name="a throw-away address").click()
    page.get_by_text("Throw-away address", exact=True).wait_for()
