"""Job requests that are sent again under an Idempotency-Key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from accounts.domain import quota
from accounts.models import KeyKind
from tests.asgi_server import serving
from tests.factories import make_account, make_key
from tests.verification.api.test_jobs import ONE, TWO, URL, post, rejected
from verification.domain import idempotency, pieces
from verification.models import IdempotencyRecord, Job

pytestmark = pytest.mark.django_db


def test_one_job_and_the_same_answer() -> None:
    account = make_account(monthly_quota=10)
    _, secret = make_key(account)
    body = {"recipients": [{"mail": {"to": [{"email": "Jane <jane@ok.test>"}, {"email": "nobody"}]}}]}
    first, second = (post(secret, body, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, second.status_code, first.content) == (202, 202, second.content)
    assert (Job.objects.count(), quota.left(account_id=account.pk)) == (1, 9)


def test_the_answer_is_rendered_from_rows() -> None:
    _, secret = make_key()
    post(secret, TWO, Idempotency_Key="k")
    assert IdempotencyRecord.objects.get().answer == f'{{"jobId": "{Job.objects.get().pk}"}}'


def test_without_a_key_every_request_is_a_job() -> None:
    _, secret = make_key()
    post(secret)
    post(secret)
    assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_are_one_job() -> None:
    account = make_account(monthly_quota=10)
    _, secret = make_key(account)
    headers = {"X-License-Key": secret, "Idempotency-Key": "crowd"}
    with serving() as url, ThreadPoolExecutor(50) as threads:
        answers = list(
            threads.map(lambda _: httpx.post(f"{url}{URL}", json=TWO, headers=headers, timeout=60), range(50))
        )
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert (Job.objects.count(), quota.left(account_id=account.pk)) == (1, 7)


def test_another_body() -> None:
    _, secret = make_key()
    post(secret, ONE, Idempotency_Key="k")
    words = "This Idempotency-Key was used for another request"
    assert rejected(post(secret, TWO, Idempotency_Key="k")) == (422, "IDEMPOTENCY_KEY_REUSED", words)


def test_tenants_and_the_sandbox_are_apart() -> None:
    key, secret = make_key()
    for one in (secret, make_key()[1], make_key(key.account, KeyKind.SANDBOX)[1]):
        assert post(one, Idempotency_Key="k").status_code == 202
    assert Job.objects.count() == 3


@pytest.mark.parametrize(("key", "status"), [("x" * 255, 202), ("x" * 256, 400), ("", 400)])
def test_how_long_a_key_may_be(key: str, status: int) -> None:
    _, secret = make_key()
    answer = post(secret, Idempotency_Key=key)
    assert answer.status_code == status
    if status == 400:
        assert rejected(answer) == (400, "INVALID_VALUE", "Invalid value for Idempotency-Key")


def test_one_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "PATIENCE_SECONDS", 0.2)
    _, secret = make_key()
    post(secret, Idempotency_Key="k")
    IdempotencyRecord.objects.update(status=None, lease_until=timezone.now() + timedelta(seconds=60))
    answer = post(secret, Idempotency_Key="k")
    assert rejected(answer)[:2] == (409, "IN_PROGRESS")
    assert answer.headers["Retry-After"] == "5"


def test_refusals_of_the_request_are_kept() -> None:
    _, secret = make_key()
    first, second = (post(secret, {}, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, first.content) == (400, second.content)  # the made-up jobId, too


def test_refusals_that_pass_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account(monthly_quota=2)
    _, secret = make_key(account)
    assert post(secret, TWO, Idempotency_Key="k").status_code == 402
    quota.set_monthly(account=account, amount=3, actor=None)
    assert post(secret, TWO, Idempotency_Key="k").status_code == 202

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(pieces, "count", broken)
        assert post(secret, ONE, Idempotency_Key="other").status_code == 500
    assert post(secret, TWO | {"job": {}}, Idempotency_Key="other").status_code == 402


def test_when_the_job_was_deleted_no_other_is_made() -> None:
    _, secret = make_key()
    post(secret, Idempotency_Key="k")
    Job.objects.all().delete()
    words = "The job of this Idempotency-Key was deleted"
    assert rejected(post(secret, Idempotency_Key="k")) == (400, "INVALID_VALUE", words)
