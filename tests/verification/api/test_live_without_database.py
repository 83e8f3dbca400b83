from __future__ import annotations

import json
import uuid

import httpx
import pytest
from django.db import connection

from accounts.domain import quota
from accounts.models import KeyKind
from tests.asgi_server import serving
from tests.database_away import no_database
from tests.factories import make_account, make_key
from tests.verification.api.test_live import PATH, url, verdict

__all__ = ["url"]  # the fixture

pytestmark = pytest.mark.django_db(transaction=True)


def end_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_calls_are_told_to_come_back() -> None:
    _, secret = make_key(kind=KeyKind.SANDBOX)
    with no_database(), serving() as url:
        live = httpx.get(f"{url}{PATH}?k={secret}&e=jane@ok.test", timeout=30)
        job = httpx.post(f"{url}/api/v1/jobs", json={}, headers={"X-License-Key": secret}, timeout=30)
        look = httpx.get(f"{url}/api/v1/jobs/{uuid.uuid4()}", headers={"X-License-Key": secret}, timeout=30)
        big = httpx.post(f"{url}/api/v1/jobs", content=b" " * 70_000, headers={"X-License-Key": secret}, timeout=30)
    assert (live.status_code, live.headers["Retry-After"]) == (503, "5")
    assert live.text == "Server error. The service is not available for the moment; nothing was charged."
    for answer in (job, big):
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert json.loads(answer.text)["meta"]["state"]["subType"] == "INTERNAL_ERROR"
    assert (look.status_code, look.headers["Retry-After"]) == (503, "5")
    assert look.headers["Content-Type"] == "application/problem+json"


def test_connections_that_died_are_made_anew(url: str) -> None:
    account = make_account(monthly_quota=10)
    _, secret = make_key(account)
    for user in ("before", "after"):
        assert verdict(httpx.get(f"{url}{PATH}?k={secret}&e={user}@ok.test", timeout=30)) == (200, "Ok", "Success")
        end_connections()
    assert quota.left(account_id=account.pk) == 8
