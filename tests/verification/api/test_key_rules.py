"""What a key is for, and from where, on each way into the API; over a real server, whose callers are at 127.0.0.1."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from accounts.models import Account, LicenseKey, Scope
from tests.asgi_server import serving
from tests.factories import make_account, make_key
from verification.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
HERE, ELSEWHERE = "127.0.0.0/8", "192.0.2.0/24"
JOB = {"recipients": [{"mail": {"to": [{"email": "jane@ok.test"}]}}]}


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with serving() as url, httpx.Client(base_url=url, timeout=20) as found:
        yield found


@pytest.fixture
def account() -> Account:
    return make_account(monthly_quota=10)


def statuses(client: httpx.Client, secret: str) -> dict[str, int]:
    """Use a key on each way."""
    bearer = {"Authorization": f"Bearer {secret}"}
    answers = {
        "v2": client.get("/api/emh/a/v2", params={"k": secret, "e": "nobody"}),
        "v3": client.get(f"/v3/more/json/{secret}/nobody"),
        "verify": client.post("/api/v1/verify", json={"email": "nobody"}, headers=bearer),
        "jobs": client.post("/api/v1/jobs", json=JOB, headers=bearer),
        "account": client.get("/api/v1/account", headers=bearer),
    }
    return {name: answer.status_code for name, answer in answers.items()}


def test_a_key_for_everything_from_here(client: httpx.Client, account: Account) -> None:
    key, secret = make_key(account, allowed_networks=[HERE])
    assert statuses(client, secret) == {"v2": 200, "v3": 200, "verify": 200, "jobs": 202, "account": 200}
    key.refresh_from_db()
    assert key.last_used_from == "127.0.0.1"


def test_a_key_for_another_network(client: httpx.Client, account: Account) -> None:
    key, secret = make_key(account, allowed_networks=[ELSEWHERE])
    assert statuses(client, secret) == {"v2": 401, "v3": 401, "verify": 403, "jobs": 401, "account": 403}
    assert client.get("/api/emh/a/v2", params={"k": secret, "e": "a@ok.test"}).text == (
        "Invalid license key. Reason:Invalid key"
    )
    assert not Job.objects.exists()
    assert LicenseKey.objects.get(pk=key.pk).last_used_at is None


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope.VERIFY, {"v2": 200, "v3": 200, "verify": 200, "jobs": 401, "account": 200}),
        (Scope.JOBS, {"v2": 401, "v3": 401, "verify": 403, "jobs": 202, "account": 200}),
        (Scope.RESULTS, {"v2": 401, "v3": 401, "verify": 403, "jobs": 401, "account": 200}),
    ],
)
def test_a_key_for_one_thing(client: httpx.Client, account: Account, scope: Scope, expected: dict[str, int]) -> None:
    _, secret = make_key(account, scopes=[scope])
    assert statuses(client, secret) == expected


def test_results_are_read_by_keys_for_results(client: httpx.Client, account: Account) -> None:
    _, hands_in = make_key(account, scopes=[Scope.JOBS])
    _, reads = make_key(account, scopes=[Scope.RESULTS])
    job = client.post("/api/v1/jobs", json=JOB, headers={"X-License-Key": hands_in}).json()["meta"]["jobId"]
    paths = (f"/api/v1/jobs/{job}", f"/api/v1/jobs/{job}/results")
    assert [client.get(path, headers={"X-License-Key": reads}).status_code for path in paths] == [200, 200]
    refused = [client.get(path, headers={"X-License-Key": hands_in}) for path in paths]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert refused[0].json()["detail"] == "The license key does not have the scope results."
