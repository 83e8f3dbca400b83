"""A colleague comes in: invited by mail, signed up, with a second step; as all three people see it."""

from __future__ import annotations

import re
import time
from secrets import token_hex

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import Portal

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("portal")]
PASSWORD = "correct horse battery"


def tab(browser: Browser, complaints: list[str]) -> Page:
    """Open a browser of its own, as another person has."""
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    return page


def sign_in(page: Page, portal: Portal, email: str, password: str) -> None:
    page.goto(f"{portal.url}/accounts/login/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def code_of(secret: str, *, later: int = 0) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later)))


def test_from_invitation_to_second_step(portal: Portal, browser: Browser) -> None:
    complaints: list[str] = []
    jane = f"jane-{token_hex(4)}@example.com"

    owner = tab(browser, complaints)
    sign_in(owner, portal, portal.customer_email, portal.customer_password)
    owner.get_by_text("Menu", exact=True).click()
    owner.get_by_role("link", name="Team").click()
    owner.get_by_label("E-mail address").fill(jane)
    owner.get_by_role("button", name="Send invitation").click()
    expect(owner.get_by_text(f"An invitation was sent to {jane}.")).to_be_visible()

    staff = tab(browser, complaints)
    sign_in(staff, portal, portal.staff_email, portal.staff_password)
    staff.goto(f"{portal.url}/admin/mail/")
    letter = staff.get_by_role("listitem").filter(has_text=f"to {jane}")
    letter.get_by_role("link", name="Join Demo on Candour").click()
    link = staff.locator('.letter a[href*="/invitations/"]').get_attribute("href")
    assert link is not None

    guest = tab(browser, complaints)
    guest.goto(link)
    guest.get_by_role("button", name="Choose a password and join").click()
    guest.get_by_label("Your name").fill("Jane Doe")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Join").click()
    expect(guest).to_have_url(re.compile(r"/a/demo/$"))

    guest.goto(f"{portal.url}/accounts/2fa/totp/activate/")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Confirm").click()
    secret = guest.locator("#authenticator_secret").input_value()
    guest.locator("#id_code").fill(code_of(secret))
    guest.get_by_role("button", name="Activate").click()
    expect(guest).to_have_url(re.compile("/2fa/recovery-codes/"))

    again = tab(browser, complaints)
    sign_in(again, portal, jane, PASSWORD)
    expect(again.get_by_role("heading", name="One more step")).to_be_visible()
    again.locator("#id_code").fill(code_of(secret, later=1))  # each code opens once
    again.get_by_role("button", name="Sign in").click()
    expect(again).to_have_url(re.compile(r"/a/demo/$"))

    owner.reload()
    person = owner.get_by_role("listitem").filter(has_text=jane)
    expect(person).to_contain_text("two-step sign-in")
    expect(person).to_contain_text("Jane Doe")
    assert complaints == []
