"""The bar of an account's pages: one line in every window, and a menu without scripts where it is narrow."""

from __future__ import annotations

import pytest
from django.test import Client
from playwright.sync_api import Browser

from tests.factories import make_account
from tests.portal.test_csp import browser, live, session_of, static_root
from tests.verification.factories import owner_of

__all__ = ["browser", "live", "static_root"]
pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def place(client: Client, live: str) -> tuple[str, str]:
    """Give an account's list page and its owner's session."""
    account = make_account("The Northern Light Mail Order Company")
    client.force_login(owner_of(account))
    return f"{live}/a/{account.slug}/lists", session_of(client)


def test_the_bar_is_one_line_and_its_menu_leads_on(place: tuple[str, str], browser: Browser) -> None:
    url, session = place
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
    page = context.new_page()
    for width in (1280, 800, 390, 360):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(url)
        bar = page.locator(".top-bar").bounding_box()
        assert bar is not None
        assert (width, bar["height"] < 70, bar["width"]) == (width, True, width)
    page.get_by_text("Menu", exact=True).click()
    sections = page.get_by_role("navigation", name="Account").get_by_role("link")
    assert sections.all_inner_texts()[:2] == ["Overview", "Verify"]
    sections.get_by_text("Team").click()
    page.wait_for_url("**/team")
