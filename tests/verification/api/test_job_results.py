from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_key
from tests.verification.api.calls import JOBS, call, problem
from tests.verification.factories import give_verdict, make_job, make_list
from verification.engine.types import Blame, Reason, Result
from verification.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


@pytest.fixture
def secret() -> str:
    """Make a job of eight rows: good, bad, later, good for now, not tried, no address, good, repeated."""
    key, secret = make_key()
    names = ["good", "bad", "later", "grey", "untried", "nobody", "fine", "good"]
    job = make_job([name if name == "nobody" else f"{name}@ok.test" for name in names], key=key)
    rows = list(job.checks.order_by("position"))
    give_verdict(rows[0])
    give_verdict(rows[1], Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS)
    give_verdict(rows[2], Result.RETRY_LATER, Reason.TRANSIENT_NETWORK_FAULT, Blame.OUR_ADDRESS)
    give_verdict(rows[3], Result.UNVERIFIABLE, Reason.GREY_LISTING, Blame.THEIR_POLICY, final=False)
    give_verdict(rows[6])
    return secret


def names(secret: str, query: str = "") -> list[str]:
    """Give the local parts of all pages."""
    found, path = [], f"{JOBS}/{Job.objects.get().pk}/results?{query}"
    while path:
        answer = call(secret, "GET", path)
        assert answer.status_code == 200, answer.json()
        found += [result["user"] for result in answer.json()["results"]]
        path = answer.json()["next"]
    return found


def test_without_a_filter(secret: str) -> None:
    assert (
        names(secret)
        == names(secret, "limit=1")
        == names(secret, "limit=2")
        == ["good", "bad", "later", "grey", "fine"]
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("result=Ok", ["good", "fine"]),
        ("result=Bad,RetryLater", ["bad", "later"]),
        ("reason=Success,GreyListing", ["good", "grey", "fine"]),
        ("blame=our_address", ["later"]),
        ("final=false", ["grey"]),
        ("final=true&result=Unverifiable", []),
        ("final=true&after=1", ["later", "fine"]),
    ],
)
def test_filters(secret: str, query: str, expected: list[str]) -> None:
    assert names(secret, query) == names(secret, f"{query}&limit=1") == expected


@pytest.mark.parametrize(
    "query", ["result=ok", "reason=Bad", "blame=me", "final=1", "after=-2", "limit=1001", "result="]
)
def test_filters_that_are_none(secret: str, query: str) -> None:
    answer = call(secret, "GET", f"{JOBS}/{Job.objects.get().pk}/results?{query}")
    assert problem(answer)[:2] == (400, "Some values are not valid.")
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_behind_a_row_that_was_not_taken(secret: str) -> None:
    assert names(secret, "after=5") == ["fine"]
    assert names(secret, "after=100") == []


def test_a_list_has_its_own_rows_only() -> None:
    key, secret = make_key()
    first = make_list("email\na@ok.test\n", account=key.account)
    second = make_list("email\nb@ok.test\n", account=key.account)
    for job in (first, second):
        give_verdict(job.checks.get())
    answer = call(secret, "GET", f"{JOBS}/{second.pk}/results").json()["results"]
    assert [result["email"] for result in answer] == ["b@ok.test"]


def test_it_asks_the_same_of_one_and_of_five(secret: str) -> None:
    names(secret)
    counts = []
    for query in ("result=Bad", ""):
        with CaptureQueriesContext(connection) as queries:
            names(secret, query)
        counts.append(len(queries))
    assert counts[0] == counts[1]
