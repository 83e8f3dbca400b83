"""Under the strict Content-Security-Policy no page of staff or sign-in may break: seen in a real browser."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings as django_settings
from django.contrib import admin
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, User
from tests.factories import PASSWORD, make_staff, make_user
from tests.portal.admin_rows import make_rows
from tests.portal.routes import address, make_world, routes

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


MORE = {
    Account: ("admin:accounts_account_grant", "admin:accounts_account_impersonate", "admin:accounts_account_history"),
    User: ("admin:auth_user_password_change",),
}


@dataclass
class Watched:
    """A tab that notes everything a page complains of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def tab(cls, context: BrowserContext) -> Watched:
        watched = cls(context.new_page())
        watched.page.on("console", watched._hear)
        watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
        return watched

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def visit(self, url: str) -> None:
        response = self.page.goto(url, wait_until="load")
        assert response is not None
        assert response.status == 200, url
        policy = set(response.headers["content-security-policy"].split("; "))
        assert policy >= {"default-src 'none'", "script-src 'self'", "style-src 'self'"}, url
        self.look()

    def look(self) -> None:
        self.complaints += [f"{self.page.url}: {each}" for each in self.page.evaluate("window.violations")]


@pytest.fixture(scope="session")
def static_root() -> None:
    """Nothing needs to be collected, but the folder is looked for when the live server starts."""
    Path(django_settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def live(static_root: None, live_server: LiveServer, settings: Settings, tmp_path: Path) -> str:
    settings.UPLOADS = tmp_path / "uploads"
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    url: str = live_server.url
    return url


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


def session_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def signed_in(browser: Browser, live: str, session: str) -> BrowserContext:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    context.add_init_script(WATCH)
    if session:
        context.add_cookies([{"name": "sessionid", "value": session, "url": live}])
    return context


def admin_pages(client: Client) -> list[str]:
    """Give the index, and each model's list, add form where there is one, and form of its first row."""
    pages = [reverse("admin:index"), reverse("admin:queue"), reverse("admin:app_list", args=["accounts"])]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        add = reverse(f"{name}_add")
        pages += [reverse(f"{name}_changelist"), *([add] if client.get(add).status_code == 200 else [])]
        row = model._default_manager.first()
        if row is not None:
            pages += [reverse(page, args=[row.pk]) for page in (f"{name}_change", *MORE.get(model, ()))]
    return pages


@pytest.fixture
def staff_pages(client: Client, live: str) -> tuple[str, list[str]]:
    """Rows and addresses are made before the browser's loop runs: it bars Django's queries."""
    staff = make_staff()
    make_rows(staff)
    client.force_login(staff)
    return session_of(client), admin_pages(client)


def test_every_admin_page_is_clean(staff_pages: tuple[str, list[str]], live: str, browser: Browser) -> None:
    session, pages = staff_pages
    watched = Watched.tab(signed_in(browser, live, session))
    for page in pages:
        watched.visit(live + page)
    assert watched.complaints == []
    assert sum(page.endswith("/change/") for page in pages) >= 17


def test_the_admin_s_forms_work(staff_pages: tuple[str, list[str]], live: str, browser: Browser) -> None:
    """Scripts of the admin run: the slug fills itself, the calendar opens, a key is made and shown."""
    session, _ = staff_pages
    watched = Watched.tab(signed_in(browser, live, session))
    page = watched.page
    watched.visit(f"{live}/admin/accounts/account/add/")
    page.get_by_label("Name").press_sequentially("Ada and Co")
    assert page.get_by_label("Slug").input_value() == "ada-and-co"
    watched.visit(f"{live}/admin/accounts/licensekey/add/")
    page.locator(".date-icon").first.click()
    page.locator(".calendarbox").first.wait_for(state="visible")
    page.get_by_role("link", name="Cancel").first.click()
    with page.expect_popup() as popup:
        page.locator("#lookup_id_account").click()
    choice = popup.value.locator("#result_list tbody th a").first
    with popup.value.expect_event("close"):  # in the middle of a click of Playwright's, which then fails now and then
        choice.evaluate("link => { setTimeout(() => link.click()); }")
    page.get_by_label("Name").fill("CRM")
    page.get_by_role("button", name="Save", exact=True).click()
    assert page.locator(".secret").inner_text().startswith("evp_live_")
    watched.look()
    assert watched.complaints == []


@pytest.fixture
def looked_at(client: Client, live: str) -> tuple[str, Account, list[str]]:
    """Give the session of staff, an account, and the pages of it that staff may look at."""
    world = make_world("jane")
    staff = make_staff()
    client.force_login(staff)
    names = ("lists", "job", "checks", "features", "keys", "key", "team", "account_settings")
    pages = [address(route, world) for route in routes() if route.name in names]
    assert len(pages) == len(names)
    return session_of(client), world.account, pages


def test_looking_as_a_customer_is_clean(looked_at: tuple[str, Account, list[str]], live: str, browser: Browser) -> None:
    """The form, the bar above every page, and the end: by clicks."""
    session, account, pages = looked_at
    watched = Watched.tab(signed_in(browser, live, session))
    page = watched.page
    watched.visit(f"{live}/admin/accounts/account/{account.pk}/change/")
    page.get_by_role("link", name="Look as customer").click()
    page.get_by_label("Reason").fill("asked by mail")
    watched.look()
    page.get_by_role("button", name="Look").click()
    page.wait_for_url(f"{live}/a/{account.slug}/")
    watched.look()
    for path in (*pages, "/admin/", "/admin/queue/"):
        watched.visit(live + path)
        assert "looks at the pages of" in page.locator(".impersonation-bar").inner_text(), path
    page.locator(".impersonation-bar").get_by_role("button", name="End").click()
    page.wait_for_url(f"{live}/admin/accounts/account/{account.pk}/change/")
    assert page.locator(".impersonation-bar").count() == 0
    watched.look()
    assert watched.complaints == []


@pytest.fixture
def jane(live: str) -> User:
    cache.clear()
    return make_user("jane@example.com")


def test_signing_in_and_the_second_factor_are_clean(jane: User, live: str, browser: Browser) -> None:
    watched = Watched.tab(signed_in(browser, live, ""))
    page = watched.page
    for path in ("password/reset/", "signup/", "login/"):
        watched.visit(f"{live}/accounts/{path}")
    page.get_by_label("Email").fill("jane@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    watched.look()
    for path in ("you/", "accounts/password/change/", "accounts/email/", "accounts/2fa/", "accounts/sessions/"):
        watched.visit(f"{live}/{path}")
    watched.visit(f"{live}/accounts/logout/")
    watched.visit(f"{live}/accounts/2fa/totp/activate/")  # asks for the password once more
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    secret = page.locator("#authenticator_secret").input_value()
    page.locator("#id_code").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url("**/2fa/recovery-codes/**")
    watched.look()
    for path in ("2fa/", "2fa/recovery-codes/", "2fa/totp/deactivate/"):
        watched.visit(f"{live}/accounts/{path}")
    assert watched.complaints == []


def test_a_passkey_is_added_and_signs_in(jane: User, live: str, browser: Browser) -> None:
    context = signed_in(browser, live, "")
    watched = Watched.tab(context)
    page = watched.page
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    finger = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options = finger | {"isUserVerified": True, "automaticPresenceSimulation": True}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    watched.visit(f"{live}/accounts/login/")
    page.get_by_label("Email").fill("jane@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{live}/")
    watched.visit(f"{live}/accounts/2fa/webauthn/add/")  # asks for the password once more
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("My phone")
    page.locator("#id_passwordless").check()
    page.get_by_role("button", name="Add it").click()
    page.wait_for_url("**/2fa/recovery-codes/**")
    watched.visit(f"{live}/accounts/2fa/webauthn/")
    assert "My phone" in page.content()
    watched.look()
    context.clear_cookies(name="sessionid")
    watched.visit(f"{live}/accounts/login/")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{live}/")
    watched.look()
    assert watched.complaints == []
