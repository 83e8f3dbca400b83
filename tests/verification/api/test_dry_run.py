from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.domain import quota
from accounts.models import KeyKind, LicenseKey, Scope
from tests.factories import make_account, make_key
from tests.portal.routes import everything_kept
from tests.verification.factories import finish, give_verdict, make_job
from verification.domain.known import digest_of
from verification.engine.syntax import parse
from verification.engine.types import Blame, Reason, Result
from verification.models import CheckResult, Job, KnownMailbox

pytestmark = pytest.mark.django_db
ROUTE = "/api/v1/jobs"
MIXED = ["jane@ok.test", "Jane <jane@OK.test>", "nobody", "sales@ok.test", "joe@ok.test", "ann@ok.test"]


def post(secret: str, emails: list[str], query: str = "dryRun=true", **more: Any) -> Any:  # Any: Django's response
    body = {"recipients": [{"mail": {"to": [{"email": email} for email in emails]}}]} | more
    headers = {"authorization": f"Bearer {secret}"}
    return Client().post(f"{ROUTE}?{query}", json.dumps(body), content_type="application/json", headers=headers)


def remember(key: LicenseKey, email: str, *, seconds_ago: float = 0, **verdict: Any) -> None:  # Any: of give_verdict
    """Have the account know of a mailbox."""
    job = make_job([email], key=key)
    check = job.checks.get()
    give_verdict(check, **verdict)
    Job.objects.filter(pk=job.pk).update(status="finished")
    at = timezone.now() - timedelta(seconds=seconds_ago)
    digest = digest_of(parse(email), hash_key=bytes(key.account.hash_key))
    CheckResult.objects.filter(check_row=check).update(checked_at=at)
    KnownMailbox.objects.create(account=key.account, digest=digest, check_row=check, checked_at=at)


def test_what_it_would_come_to() -> None:
    key, secret = make_key(make_account(forbidden_local_parts=["Sales"], monthly_quota=100))
    remember(key, "jane@ok.test", seconds_ago=60)
    quota_left = quota.left(account_id=key.account_id)
    answer = post(secret, MIXED)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "dryRun": True,
            "counts": {"total": 6, "taken": 3, "refused": 2, "duplicate": 1, "reusable": 1},
            "cost": 3,
            "quota": {"left": quota_left, "enough": True},
            "seconds": None,
        },
    )


def test_it_is_what_the_job_then_is() -> None:
    _, secret = make_key(make_account(forbidden_local_parts=["Sales"]))
    counts = post(secret, MIXED).json()["counts"]
    assert post(secret, MIXED, "dryRun=false").status_code == 202
    job = Job.objects.get()
    assert (counts["total"], counts["taken"], counts["refused"], counts["duplicate"]) == (
        *(job.total, job.waiting, job.refused, job.duplicate),
    )


def test_nothing_is_kept() -> None:
    _, secret = make_key()
    post(secret, MIXED)  # makes the period of the quota, as any call may
    before = everything_kept()
    assert post(secret, MIXED, job={"referenceJob": "x"}).status_code == 200
    assert everything_kept() == before


def test_more_than_the_quota_is_no_refusal() -> None:
    _, secret = make_key(make_account(monthly_quota=2))
    quote = post(secret, ["a@ok.test", "b@ok.test", "c@ok.test"]).json()
    assert (quote["cost"], quote["quota"]) == (3, {"left": 2, "enough": False})


@pytest.mark.parametrize(
    ("config", "more", "reusable"),
    [
        ({}, {}, 1),
        ({}, {"job": {"options": {"maxAgeSeconds": 30}}}, 0),
        ({}, {"job": {"features": {"resultReuse": {"active": False}}}}, 0),
        ({"result_reuse": False}, {}, 0),
    ],
)
def test_what_is_reused(config: dict[str, Any], more: dict[str, Any], reusable: int) -> None:
    key, secret = make_key(make_account(**config))
    remember(key, "jane@ok.test", seconds_ago=60)
    remember(key, "old@ok.test", seconds_ago=8_000)
    grey = (Result.UNVERIFIABLE, Reason.GREY_LISTING, Blame.THEIR_POLICY)
    remember(key, "grey@ok.test", seconds_ago=400, **dict(zip(("result", "reason", "blame"), grey, strict=True)))
    emails = ["jane@ok.test", "old@ok.test", "grey@ok.test", "new@ok.test"]
    assert post(secret, emails, **more).json()["counts"]["reusable"] == reusable


def test_a_strangers_results_are_not_reused() -> None:
    key, _ = make_key()
    remember(key, "jane@ok.test")
    assert post(make_key()[1], ["jane@ok.test"]).json()["counts"]["reusable"] == 0


def test_the_sandbox_costs_nothing() -> None:
    _, secret = make_key(kind=KeyKind.SANDBOX)
    quote = post(secret, ["ok@sandbox.test"]).json()
    assert (quote["counts"]["taken"], quote["cost"], quote["seconds"]) == (1, 0, None)


def test_how_long_it_takes_goes_by_the_last_job() -> None:
    key, secret = make_key()
    job = finish(make_job([f"user{n}@ok.test" for n in range(100)], key=key))
    now = timezone.now()
    Job.objects.filter(pk=job.pk).update(started_at=now - timedelta(seconds=200), finished_at=now)
    assert post(secret, ["a@ok.test", "b@ok.test"]).json()["seconds"] == 4
    make_job(["c@ok.test"], key=key)  # which comes first
    assert post(secret, ["a@ok.test", "b@ok.test"]).json()["seconds"] == 6


def test_refusals_are_those_of_the_job() -> None:
    def refused(answer: Any) -> tuple[int, str]:  # Any: Django's test response
        return answer.status_code, answer.json()["meta"]["state"]["subType"]

    _, secret = make_key(make_account(addresses_per_job=1))
    assert refused(post(secret, ["a@ok.test", "b@ok.test"])) == (400, "LIMIT_EXCEEDED")
    assert refused(post(secret, [])) == (400, "MISSING_VALUE")
    assert refused(post(secret, ["a@ok.test"], job={"features": {"antivirus": {"active": True}}})) == (
        *(403, "DISABLED_IN_ACCOUNT_CONFIG"),
    )
    assert refused(post(make_key(scopes=[Scope.RESULTS])[1], ["a@ok.test"])) == (401, "UNAUTHORIZED")
    assert not Job.objects.exists()


@pytest.mark.parametrize("query", ["dryRun=1", "dryRun=", "dryRun=true&dryRun=true", "dryRun=TRUE"])
def test_another_value(query: str) -> None:
    state = post(make_key()[1], ["a@ok.test"], query).json()["meta"]["state"]
    assert (state["subType"], state["description"]) == ("INVALID_VALUE", "Invalid value for dryRun")
    assert not Job.objects.exists()


def test_an_idempotency_key_is_not_used_up() -> None:
    _, secret = make_key()
    body = json.dumps({"recipients": [{"mail": {"to": [{"email": "a@ok.test"}]}}]})
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": "a"}
    sent = {"content_type": "application/json", "headers": headers}
    statuses = [Client().post(f"{ROUTE}{query}", body, **sent).status_code for query in ("?dryRun=true", "", "")]  # type: ignore[arg-type]
    assert (statuses, Job.objects.count()) == ([200, 202, 202], 1)
