"""A new key's page in a real browser: its secret is copied, and a reload makes no second key."""

from __future__ import annotations

import shutil

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import LicenseKey
from tests.factories import make_account

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def test_a_secret_is_copied_and_shown_once(client: Client, live_server: LiveServer, settings: Settings) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    account = make_account()
    client.force_login(account.memberships.get().user)
    session = client.cookies["sessionid"].value
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
        context.set_default_timeout(10_000)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.goto(live_server.url + reverse("new_key", args=[account.slug]))
        page.fill("[name=name]", "CRM")
        page.click("main button[type=submit]")
        copied = []
        for source in ("the-secret", "the-line"):
            page.click(f"[data-copy={source}]")
            page.wait_for_selector(f"[data-copy={source}]:text('Copied')")
            copied.append((page.evaluate("navigator.clipboard.readText()"), page.inner_text(f"#{source}")))
        page.reload()
        after = page.inner_text("main")
        browser.close()
    assert all(clipboard == shown for clipboard, shown in copied)
    assert ("1 of 20 keys" in after, copied[0][0] in after, said) == (True, False, [])
    assert LicenseKey.objects.count() == 1
