from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, Scope
from tests.factories import make_key
from tests.verification.api.calls import JOBS, call, problem
from tests.verification.factories import NOW, finish, make_job, make_list
from verification.domain import jobs
from verification.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


def ids(secret: str, query: str = "") -> list[str]:
    """Give the ids of all pages."""
    found, path = [], f"{JOBS}?{query}"
    while path:
        answer = call(secret, "GET", path)
        assert answer.status_code == 200, answer.json()
        found += [job["meta"]["jobId"] for job in answer.json()["jobs"]]
        path = answer.json()["next"]
    return found


def handed_in(account: Account, *, days_ago: int = 0, **fields: Any) -> str:  # Any: model fields
    job = make_job(["jane@ok.test"], account=account)
    Job.objects.filter(pk=job.pk).update(created_at=NOW - timedelta(days=days_ago), **fields)
    return str(job.pk)


def test_a_job_in_the_list() -> None:
    key, secret = make_key()
    job = make_job(["jane@ok.test"], key=key)
    Job.objects.filter(pk=job.pk).update(reference_job="autumn", cost_center="7", campaign_id="x")
    answer = call(secret, "GET", JOBS)
    alone = call(secret, "GET", f"{JOBS}/{job.pk}").json()
    called = {"referenceJob": "autumn", "costCenter": "7", "campaignId": "x"}
    shown = alone | {"name": "", "source": "api", "sandbox": False} | called
    assert (answer.status_code, answer.json()) == (200, {"jobs": [shown], "next": None})


def test_newest_first_page_by_page() -> None:
    key, secret = make_key()
    made = [handed_in(key.account, days_ago=days) for days in (3, 1, 2)]
    same = sorted((handed_in(key.account, days_ago=5) for _ in range(3)), reverse=True)
    expected = [made[1], made[2], made[0], *same]
    assert ids(secret) == ids(secret, "limit=1") == ids(secret, "limit=2") == expected


def test_filters() -> None:
    key, secret = make_key()
    old = handed_in(key.account, days_ago=9, reference_job="a", campaign_id="c")
    new = handed_in(key.account, cost_center="b")
    page_list = str(finish(make_list(account=key.account)).pk)
    day = (NOW - timedelta(days=9)).date()
    assert ids(secret, "status=finished") == ids(secret, "source=upload") == [page_list]
    assert sorted(ids(secret, "status=running,paused")) == sorted([old, new])
    assert ids(secret, "referenceJob=a") == ids(secret, "campaignId=c") == [old]
    assert ids(secret, "costCenter=b&source=api,upload") == [new]
    assert ids(secret, f"to={day}") == ids(secret, f"from={day}&to={day}") == [old]
    assert sorted(ids(secret, f"from={NOW.date()}&limit=1")) == sorted([new, page_list])
    assert ids(secret, "referenceJob=a&status=finished") == ids(secret, "referenceJob=")[:0] == []


@pytest.mark.parametrize(
    "query",
    [
        "status=done",
        "source=mail",
        "from=yesterday",
        "to=9999-12-31",
        "limit=0",
        "limit=101",
        "cursor=x",
        "status=paused&status=paused",
    ],
)
def test_filters_that_are_none(query: str) -> None:
    answer = call(make_key()[1], "GET", f"{JOBS}?{query}")
    assert problem(answer)[:2] == (400, "Some values are not valid.")
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_deleted_ones_and_strangers_are_not_in_it() -> None:
    key, secret = make_key()
    make_job(["jane@ok.test"])
    jobs.delete(job=make_job(["jane@ok.test"], key=key), actor=None)
    assert ids(secret) == []


def test_a_key_without_the_scope() -> None:
    _, secret = make_key(scopes=[Scope.JOBS])
    assert problem(call(secret, "GET", JOBS))[0] == 403


def test_it_asks_the_same_of_one_and_of_three() -> None:
    key, secret = make_key()
    call(secret, "GET", JOBS)  # notes when the key was used
    counts = []
    for number in (1, 2):
        for _ in range(number):
            handed_in(key.account)
        with CaptureQueriesContext(connection) as queries:
            assert len(ids(secret)) in (1, 3)
        counts.append(len(queries))
    assert counts[0] == counts[1]
