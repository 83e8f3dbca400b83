from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import sync_playwright
from pytest_django import Settings

from tests.asgi_server import serving

CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # names as they are, no manifest
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    call_command("collectstatic", interactive=False, verbosity=0)
    with serving() as url:
        yield url


def test_the_schema_is_valid_and_complete(tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", f"{tmp_path}/schema.yml")
    answer = Client().get("/api/schema?format=json")
    document = answer.json()
    assert (answer.status_code, document["openapi"]) == (200, "3.1.0")
    assert {path: list(methods) for path, methods in document["paths"].items()} == {
        "/api/emh/a/v2": ["get"],
        "/api/emh/a/v2/sandbox": ["get"],
        "/api/v1/account": ["get"],
        "/api/v1/accuracy": ["get"],
        "/api/v1/bounces": ["post"],
        "/api/v1/domains": ["get"],
        "/api/v1/erasures": ["get", "post"],
        "/api/v1/erasures/{erasure_id}": ["get"],
        "/api/v1/events": ["get"],
        "/api/v1/jobs": ["get", "post"],
        "/api/v1/jobs/{job_id}": ["get", "delete"],
        "/api/v1/jobs/{job_id}/cancel": ["post"],
        "/api/v1/jobs/{job_id}/events": ["get"],
        "/api/v1/jobs/{job_id}/export.csv": ["get"],
        "/api/v1/jobs/{job_id}/export.jsonl": ["get"],
        "/api/v1/jobs/{job_id}/export.xlsx": ["get"],
        "/api/v1/jobs/{job_id}/pause": ["post"],
        "/api/v1/jobs/{job_id}/results": ["get"],
        "/api/v1/jobs/{job_id}/resume": ["post"],
        "/api/v1/keys": ["get", "post"],
        "/api/v1/keys/{key_id}": ["get", "delete"],
        "/api/v1/keys/{key_id}/rotate": ["post"],
        "/api/v1/quota": ["get"],
        "/api/v1/suppressions": ["get", "post"],
        "/api/v1/suppressions/export.csv": ["get"],
        "/api/v1/suppressions/import": ["post"],
        "/api/v1/suppressions/{suppression_id}": ["get", "delete"],
        "/api/v1/usage": ["get"],
        "/api/v1/verify": ["post"],
        "/api/v1/webhooks": ["get", "post"],
        "/api/v1/webhooks/deliveries": ["get"],
        "/api/v1/webhooks/deliveries/{delivery_id}/replay": ["post"],
        "/api/v1/webhooks/notification-secret": ["post"],
        "/api/v1/webhooks/{webhook_id}": ["get", "patch", "delete"],
        "/api/v1/webhooks/{webhook_id}/secret": ["post"],
        "/api/v1/webhooks/{webhook_id}/test": ["post"],
        "/customer/reports/v3/quota/{key}": ["get"],
        "/v3/more/json/{key}/{email}": ["get"],
    }
    assert document["paths"]["/api/v1/jobs"]["post"]["security"] == [
        {"bearerKey": []}, {"headerKey": []}, {"basicKey": []},
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_the_documentation_works_under_the_strict_csp(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # playwright runs a loop in this thread
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        answer = page.goto(f"{url}/api/docs")
        page.wait_for_selector(".opblock")
        page.locator(".opblock-summary-control").first.click()
        page.locator(".try-out__btn").first.click()
        page.locator("button.authorize").first.click()
        page.wait_for_selector(".auth-container")
        shown = page.locator(".opblock").count()
        browser.close()
    assert answer is not None
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert (shown, said) == (48, [])
