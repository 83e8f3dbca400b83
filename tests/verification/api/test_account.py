from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

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
