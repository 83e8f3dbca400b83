"""Times on pages are those of the reader's clock."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from accounts.models import LicenseKey
from tests.factories import make_key, make_staff, make_user
from tests.verification.factories import owner_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "shown", "name"),
    [
        ("Europe/Berlin", "1 Jul 2026, 14:00 CEST", "Europe/Berlin"),
        ("Asia/Tokyo", "1 Jul 2026, 21:00 JST", "Asia/Tokyo"),
        ("", "1 Jul 2026, 12:00 UTC", "UTC"),
        ("Mars/Olympus", "1 Jul 2026, 12:00 UTC", "UTC"),
        ("../../../etc/passwd", "1 Jul 2026, 12:00 UTC", "UTC"),
        ("x" * 4_000, "1 Jul 2026, 12:00 UTC", "UTC"),
    ],
)
def test_pages_show_the_reader_s_time(client: Client, zone: str, shown: str, name: str) -> None:
    user = make_user()
    client.force_login(user)
    UserSession.objects.create(user=user, ip="192.0.2.1", user_agent="", session_key="x")
    UserSession.objects.update(created_at=NOON)
    client.cookies["zone"] = zone
    page = client.get("/you/").text
    assert f">{shown}</time>" in page
    assert f"Time zone: {name}." in page


def test_what_is_typed_is_in_the_reader_s_time(client: Client) -> None:
    key, _ = make_key()
    client.force_login(owner_of(key.account))
    client.cookies["zone"] = "Asia/Tokyo"
    page = f"/a/{key.account.slug}/keys/new"
    assert "Expires, in the time of Asia/Tokyo" in client.get(page).text
    form = {"name": "Later", "kind": "live", "scopes": ["verify"], "expires_at": "2036-07-01T12:00"}
    assert client.post(page, form).status_code in (200, 302)
    assert LicenseKey.objects.get(name="Later").expires_at == datetime(2036, 7, 1, 3, tzinfo=UTC)


def test_staff_pages_and_the_api_are_in_utc(client: Client) -> None:
    key, secret = make_key()
    LicenseKey.objects.filter(pk=key.pk).update(created_at=NOON)
    client.cookies["zone"] = "Asia/Tokyo"
    calls = client.get("/api/v1/keys", headers={"X-License-Key": secret}).json()
    assert calls["keys"][0]["createdTs"] == "2026-07-01T12:00:00.000Z"
    client.force_login(make_staff())
    assert "July 1, 2026, noon" in client.get(f"/admin/accounts/licensekey/{key.pk}/change/").text
