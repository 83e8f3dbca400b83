from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import LicenseKey
from tests.factories import make_key
from verification.domain import usage
from verification.models import PendingTally

pytestmark = pytest.mark.django_db

TODAY = timezone.now().date()


def get(secret: str, path: str, **headers: str) -> Any:  # Any: Django's test response
    return Client().get(path, headers={"X-License-Key": secret} | headers)


def count(
    key: LicenseKey, day: date, result: str, reason: str, checks: int, charged: int, *, page: bool = False
) -> None:
    PendingTally.objects.create(
        account=key.account,
        day=day,
        key=None if page else key,
        source="job" if page else "live",
        result=result,
        reason=reason,
        blame="none",
        count=checks,
        charged=charged,
    )


@pytest.fixture
def used() -> tuple[LicenseKey, str]:
    key, secret = make_key()
    yesterday = TODAY - timedelta(days=1)
    count(key, yesterday, "Ok", "Success", 5, 5)
    count(key, yesterday, "RetryLater", "TransientNetworkFault", 3, 1)
    count(key, TODAY, "Ok", "Success", 6, 6)
    count(key, TODAY, "Ok", "Success", 11, 11, page=True)
    count(key, TODAY - timedelta(days=400), "Ok", "Success", 1_000, 1_000)
    count(make_key()[0], TODAY, "Ok", "Success", 9, 9)
    usage.fold()
    count(key, TODAY, "Ok", "Success", 1, 1)
    return key, secret


def test_usage_by_day_key_and_verdict(used: tuple[LicenseKey, str]) -> None:
    key, secret = used
    named = {"id": key.pk, "name": "A key"}
    yesterday, today = str(TODAY - timedelta(days=1)), str(TODAY)
    ok = {"result": "Ok", "reason": "Success", "blame": "none"}
    later = {"result": "RetryLater", "reason": "TransientNetworkFault", "blame": "none"}
    assert get(secret, "/api/v1/usage").json() == {
        "from": str(TODAY - timedelta(days=29)),
        "to": today,
        "usage": [
            {"day": yesterday, "key": named, **ok, "checks": 5, "charged": 5},
            {"day": yesterday, "key": named, **later, "checks": 3, "charged": 1},
            {"day": today, "key": None, **ok, "checks": 11, "charged": 11},
            {"day": today, "key": named, **ok, "checks": 7, "charged": 7},
        ],
        "next": None,
    }


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("day", [(8, 6), (18, 18)]),
        ("key", [(11, 11), (15, 13)]),
        ("verdict", [(23, 23), (3, 1)]),
        ("verdict,day", [(5, 5), (3, 1), (18, 18)]),
    ],
)
def test_usage_by_less(used: tuple[LicenseKey, str], by: str, rows: list[tuple[int, int]]) -> None:
    _, secret = used
    usage = get(secret, f"/api/v1/usage?by={by}").json()["usage"]
    assert [(row["checks"], row["charged"]) for row in usage] == rows


@pytest.mark.parametrize("by", ["day,key,verdict", "key", "verdict", "day"])
def test_usage_goes_on_at_next(used: tuple[LicenseKey, str], by: str) -> None:
    _, secret = used
    whole = get(secret, f"/api/v1/usage?by={by}").json()["usage"]
    path, found = f"/api/v1/usage?by={by}&limit=1", []
    while path:
        page = get(secret, path).json()
        found += page["usage"]
        path = page["next"]
    assert found == whole


def test_usage_as_csv(used: tuple[LicenseKey, str]) -> None:
    key, secret = used
    LicenseKey.objects.filter(pk=key.pk).update(name="=cmd()")
    by_format = get(secret, "/api/v1/usage?format=csv")
    by_accept = get(secret, "/api/v1/usage", Accept="text/csv")
    content = by_format.getvalue()
    assert by_format.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (content, by_format.headers["Cache-Control"]) == (by_accept.getvalue(), "no-store, private")
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows[0] == ["day", "key", "key_name", "result", "reason", "blame", "checks", "charged"]
    assert rows[1] == [
        str(TODAY - timedelta(days=1)), str(key.pk), "'=cmd()", "Ok", "Success", "none", "5", "5",
    ]  # fmt: skip
    assert rows[3] == [str(TODAY), "", "", "Ok", "Success", "none", "11", "11"]
    assert get(secret, "/api/v1/usage?format=json", Accept="text/csv").json()["next"] is None


def test_days_are_clamped(used: tuple[LicenseKey, str]) -> None:
    _, secret = used
    document = get(secret, "/api/v1/usage?from=2001-01-01&to=9999-12-31&by=verdict").json()
    assert (document["from"], document["to"]) == (str(TODAY - timedelta(days=365)), str(TODAY))
    assert sum(row["checks"] for row in document["usage"]) == 26


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday", "to=2026-02-30", "from=2026-1-1", "by=", "by=day,week", "format=xml", "limit=0", "limit=1001",
        "cursor=x", "cursor=%00", "limit=1&limit=2",
    ],
)  # fmt: skip
def test_queries_that_cannot_be(used: tuple[LicenseKey, str], query: str) -> None:
    answer = get(used[1], f"/api/v1/usage?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_a_cursor_of_another_list(used: tuple[LicenseKey, str]) -> None:
    _, secret = used
    cursor = get(secret, "/api/v1/usage?by=day&limit=1").json()["next"].partition("cursor=")[2]
    assert get(secret, f"/api/v1/usage?by=key&cursor={cursor}").status_code == 400


def test_one_and_many_rows_cost_the_same(
    used: tuple[LicenseKey, str], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, secret = used
    get(secret, "/api/v1/quota")
    for path in ("/api/v1/usage?limit=1", "/api/v1/usage"):
        with django_assert_num_queries(7):  # the call (in a savepoint), key, usage, names of keys, quota left
            get(secret, path)
        LicenseKey.objects.update(last_used_at=None)
