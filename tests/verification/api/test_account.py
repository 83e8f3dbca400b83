from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.domain import quota
from accounts.models import KeyKind
from tests.factories import make_account, make_key

pytestmark = pytest.mark.django_db


def get(secret: str, path: str, **headers: str) -> Any:  # Any: Django's test response
    return Client().get(path, headers={"X-License-Key": secret} | headers)


def test_the_account_and_the_key_that_asks() -> None:
    account = make_account("Ada", monthly_quota=70, exports=False, rows_per_upload=5)
    key, secret = make_key(account, KeyKind.SANDBOX)
    document = get(secret, "/api/v1/account").json()
    assert list(document) == [
        "name", "slug", "status", "createdTs", "monthlyQuota", "resetDay", "features", "limits", "key",
    ]  # fmt: skip
    assert (document["name"], document["slug"], document["status"]) == ("Ada", account.slug, "active")
    assert (document["monthlyQuota"], document["resetDay"]) == (70, 1)
    assert document["key"] == {"id": key.pk, "name": "A key", "kind": "sandbox", "prefix": secret[:13]}
    assert (document["features"]["exports"], document["features"]["verificationApi"]) == (False, True)
    assert document["limits"]["rowsPerUpload"] == 5


def test_the_quota() -> None:
    account = make_account(monthly_quota=10)
    _, secret = make_key(account)
    quota.grant(account=account, amount=5, actor=None, reason="prepaid")
    quota.reserve(account_id=account.pk, amount=12, reference="work")
    quota.settle(reference="work", used=3, released=0, entry="part")
    answer = get(secret, "/api/v1/quota")
    period = account.quota_periods.get()
    assert answer.json() == {
        "period": {
            "startsOn": str(period.starts_on),
            "endsOn": str(period.ends_on),
            "granted": 10,
            "used": 3,
            "reserved": 7,
        },
        "credit": {"balance": 5, "reserved": 2},
        "left": 3,
        "forecast": {"perDay": 0.0, "runsOutOn": None},
    }
    assert answer.headers["X-Quota-Remaining"] == "3"


def test_the_quota_of_an_account_that_never_asked() -> None:
    _, secret = make_key(make_account(monthly_quota=10))
    assert get(secret, "/api/v1/quota").json()["left"] == 10
