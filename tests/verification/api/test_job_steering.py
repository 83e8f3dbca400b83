from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import AuditEntry, KeyKind, QuotaPeriod, Scope
from tests.factories import make_key
from tests.verification.api.calls import JOBS, call, problem
from tests.verification.books import assert_books_agree
from tests.verification.factories import finish, give_verdict, make_job, make_list
from verification.domain.sweeper import Sweeper
from verification.models import Batch, Check, Job, JobStatus

pytestmark = pytest.mark.django_db
ACTS = ("pause", "resume", "cancel")


def act(secret: str, job: Job, what: str) -> tuple[int, str]:
    answer = call(secret, "POST", f"{JOBS}/{job.pk}/{what}")
    return answer.status_code, answer.json()["status"]


def test_pause_resume_and_cancel() -> None:
    key, secret = make_key()
    job = make_job(["jane@ok.test", "joe@ok.test"], key=key)
    give_verdict(job.checks.order_by("position")[0])
    assert act(secret, job, "pause") == (200, "paused")
    assert act(secret, job, "resume") == (200, "running")
    answer = call(secret, "POST", f"{JOBS}/{job.pk}/cancel")
    assert answer.json() == call(secret, "GET", f"{JOBS}/{job.pk}").json()
    assert answer.json()["counts"] | {"decided": 1, "cancelled": 1, "waiting": 0} == answer.json()["counts"]
    assert not Batch.objects.exists()
    assert QuotaPeriod.objects.get(account=key.account).reserved == 0


def test_a_sandbox_job_is_steered_the_same() -> None:
    key, secret = make_key(kind=KeyKind.SANDBOX)
    job = make_job(["ok@sandbox.test"], key=key)
    assert [act(secret, job, what) for what in ("pause", "cancel")] == [(200, "paused"), (200, "cancelled")]


@pytest.mark.parametrize(("what", "status"), [("pause", "paused"), ("cancel", "cancelled")])
def test_sent_again_it_gets_the_same_answer(what: str, status: str) -> None:
    key, secret = make_key()
    job = make_job(["jane@ok.test"], key=key)
    assert [act(secret, job, what) for _ in range(2)] == [(200, status)] * 2
    assert_books_agree(job)


def test_resuming_what_runs_changes_nothing() -> None:
    key, secret = make_key()
    assert act(secret, make_job(["jane@ok.test"], key=key), "resume") == (200, "running")


@pytest.mark.parametrize(
    ("what", "end", "status"),
    [
        ("pause", finish, "finished"),
        ("resume", finish, "finished"),
        ("cancel", finish, "finished"),
        ("pause", lambda job: Job.objects.filter(pk=job.pk).update(status=JobStatus.CANCELLED), "cancelled"),
        ("resume", lambda job: Job.objects.filter(pk=job.pk).update(status=JobStatus.CANCELLED), "cancelled"),
    ],
)
def test_what_has_ended_is_not_steered(what: str, end: Callable[[Job], object], status: str) -> None:
    key, secret = make_key()
    job = make_job(["jane@ok.test"], key=key)
    end(job)
    answer = call(secret, "POST", f"{JOBS}/{job.pk}/{what}")
    assert problem(answer) == (409, f"The job is {status}.", "WRONG_STATUS")


def test_a_job_is_deleted() -> None:
    key, secret = make_key()
    job = make_job(["jane@ok.test"], key=key)
    answer = call(secret, "DELETE", f"{JOBS}/{job.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/results"), ("POST", "/cancel"), ("GET", "/export.csv")):
        assert call(secret, method, f"{JOBS}/{job.pk}{path}").status_code == 404
    Sweeper().delete_old()
    assert not Job.objects.exists()
    assert not Check.objects.exists()
    assert QuotaPeriod.objects.get(account=key.account).reserved == 0
    entry = AuditEntry.objects.get(action="job.deleted")
    assert (entry.account_id, entry.reason) == (key.account_id, f"by the key {key.prefix}…")


def test_a_list_of_the_pages_is_steered_too() -> None:
    key, secret = make_key()
    job = make_list(account=key.account)
    assert act(secret, job, "pause") == (200, "paused")
    assert call(secret, "DELETE", f"{JOBS}/{job.pk}").status_code == 204


@pytest.mark.parametrize("what", ACTS)
def test_a_strangers_job_is_not_there(what: str) -> None:
    job = make_job(["jane@ok.test"])
    answer = call(make_key()[1], "POST", f"{JOBS}/{job.pk}/{what}")
    assert problem(answer) == (404, "There is nothing here.", None)
    assert call(make_key()[1], "DELETE", f"{JOBS}/{job.pk}").status_code == 404
    job.refresh_from_db()
    assert (job.status, job.deleted_at) == (JobStatus.RUNNING, None)


def test_another_key_of_the_account_may() -> None:
    key, _ = make_key()
    _, secret = make_key(key.account)
    assert act(secret, make_job(["jane@ok.test"], key=key), "pause") == (200, "paused")


def test_a_key_without_the_scope_may_not() -> None:
    key, secret = make_key(scopes=[Scope.RESULTS, Scope.VERIFY, Scope.ACCOUNT])
    job = make_job(["jane@ok.test"], key=key)
    calls = [("POST", f"/{what}") for what in ACTS] + [("DELETE", "")]
    assert [call(secret, method, f"{JOBS}/{job.pk}{path}").status_code for method, path in calls] == [403] * 4
    assert [Client().generic(method, f"{JOBS}/{job.pk}{path}").status_code for method, path in calls] == [401] * 4


@pytest.mark.parametrize("path", ["x/cancel", "", "/x"])
def test_paths_that_lead_nowhere(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(f"/api/v1/nothing/{path}")
    assert problem(answer) == (404, "There is nothing here.", None)


@pytest.mark.parametrize("what", ACTS)
def test_only_post(what: str) -> None:
    key, secret = make_key()
    job = make_job(["jane@ok.test"], key=key)
    answer = call(secret, "GET", f"{JOBS}/{job.pk}/{what}")
    assert (answer.status_code, answer["Allow"]) == (405, "POST, OPTIONS")
