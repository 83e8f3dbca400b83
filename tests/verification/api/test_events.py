from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.db import connection
from django.test import Client

from accounts.models import LicenseKey, Scope
from tests.asgi_server import serving
from tests.factories import make_key
from tests.verification.factories import make_job
from tests.verification.transactions import settled
from verification.domain import jobs
from verification.models import Event, EventType, Job

FEED = "/api/v1/events"


def ask(secret: str, path: str, **query: Any) -> Any:  # Any: Django's test response
    return Client().get(path, query, headers={"X-License-Key": secret})


def of(job: Job) -> str:
    return f"/api/v1/jobs/{job.pk}/events"


def started(message: dict[str, Any]) -> list[int]:  # Any: JSON
    return [entry["meta"]["seq"] for entry in message["notifications"]]


def say(job: Job) -> None:
    """Add an event about the whole job, in a transaction of its own."""
    job.refresh_from_db()
    seq = job.event_seq + 1
    Job.objects.filter(pk=job.pk).update(event_seq=seq)
    Event.objects.create(job=job, account=job.account, type=EventType.STARTED, first_seq=seq, last_seq=seq)


@pytest.fixture
def key_and_secret() -> tuple[LicenseKey, str]:
    return make_key()


@pytest.mark.django_db
def test_the_feed_of_a_job_leads_on_until_its_end(key_and_secret: tuple[LicenseKey, str]) -> None:
    key, secret = key_and_secret
    job = make_job(["jane@ok.test", "joe@ok.test"], key=key)
    answer = ask(secret, of(job))
    assert (answer.status_code, list(answer.json())) == (200, ["meta", "notifications", "next"])
    assert started(answer.json()) == [1]
    assert answer.json()["next"] == f"http://testserver{of(job)}?after=1"
    nothing_yet = ask(secret, of(job), after=1).json()
    assert (nothing_yet["notifications"], nothing_yet["next"]) == ([], f"http://testserver{of(job)}?after=1")
    jobs.cancel(job=job)
    assert ask(secret, of(job), limit=1).json()["next"] == f"http://testserver{of(job)}?limit=1&after=1"
    last = ask(secret, of(job), after=1).json()
    assert (started(last), last["next"]) == ([2], None)
    assert ask(secret, of(job), after=2).json()["next"] is None


@pytest.mark.django_db(transaction=True)
def test_the_feed_of_an_account_leads_on_for_ever(key_and_secret: tuple[LicenseKey, str]) -> None:
    key, secret = key_and_secret
    one, other = make_job(["jane@ok.test"], key=key), make_job(["joe@ok.test"], key=key)
    settled()
    answer = ask(secret, FEED)
    assert (answer.status_code, list(answer.json())) == (200, ["events", "next"])
    assert [message["meta"]["jobId"] for message in answer.json()["events"]] == [str(one.pk), str(other.pk)]
    say(one)
    settled()
    rest = ask(secret, answer.json()["next"]).json()
    assert [(message["meta"]["jobId"], started(message)) for message in rest["events"]] == [(str(one.pk), [2])]
    assert ask(secret, rest["next"]).json()["events"] == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "x"}, "after"),
        ({"after": "-1"}, "after"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"wait": "31"}, "wait"),
        ({"wait": "a"}, "wait"),
        ({"after": ["1", "2"]}, "after"),
        ({"after": "99999999999999999999"}, "after"),
    ],
)
def test_parameters_that_cannot_be(key_and_secret: tuple[LicenseKey, str], query: dict[str, Any], field: str) -> None:
    key, secret = key_and_secret
    for path in (FEED, of(make_job(["jane@ok.test"], key=key))):
        answer = ask(secret, path, **query)
        assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])


@pytest.mark.django_db
def test_strangers_see_nothing_and_keys_need_the_scope(key_and_secret: tuple[LicenseKey, str]) -> None:
    key, _ = key_and_secret
    job = make_job(["jane@ok.test"], key=key)
    strange = make_key()[1]
    assert ask(strange, FEED).json()["events"] == []
    nothing = ask(strange, f"/api/v1/jobs/{uuid4()}/events")
    assert (ask(strange, of(job)).status_code, ask(strange, of(job)).content) == (404, nothing.content)
    narrow = make_key(key.account, scopes=[Scope.VERIFY, Scope.JOBS])[1]
    assert [ask(narrow, path).status_code for path in (FEED, of(job))] == [403, 403]
    assert Client().get(FEED).status_code == 401


# Over a real server.


def wait_until(condition: Any) -> None:  # Any: a callable
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whole", [True, False], ids=["account", "job"])
def test_a_call_waits_for_news_and_gets_it(key_and_secret: tuple[LicenseKey, str], whole: bool) -> None:
    key, secret = key_and_secret
    job = make_job(["jane@ok.test"], key=key)
    headers = {"X-License-Key": secret}
    settled()
    with serving() as url, ThreadPoolExecutor() as pool:
        path = httpx.get(f"{url}{FEED if whole else of(job)}", headers=headers).json()["next"]
        began = time.monotonic()
        waiting = pool.submit(httpx.get, f"{path}&wait=30", headers=headers, timeout=40)
        time.sleep(0.7)
        assert not waiting.done()
        say(job)
        answer = waiting.result(timeout=20)
    assert time.monotonic() - began < 15
    (message,) = answer.json()["events"] if whole else [answer.json()]
    assert (answer.status_code, started(message), answer.headers["Cache-Control"]) == (200, [2], "no-store, private")
    assert "x-feed-place" not in answer.headers


@pytest.mark.django_db(transaction=True)
def test_a_call_that_waits_in_vain_comes_back_in_time(key_and_secret: tuple[LicenseKey, str]) -> None:
    key, secret = key_and_secret
    job = make_job(["jane@ok.test"], key=key)
    with serving() as url:
        began = time.monotonic()
        answer = httpx.get(f"{url}{of(job)}?after=1&wait=1", headers={"X-License-Key": secret}, timeout=10)
        elapsed = time.monotonic() - began
    assert (answer.status_code, answer.json()["notifications"]) == (200, [])
    assert 1 <= elapsed < 4
    assert "x-feed-place" not in answer.headers


@pytest.mark.django_db(transaction=True)
def test_many_who_wait_hold_neither_threads_nor_connections(key_and_secret: tuple[LicenseKey, str]) -> None:
    key, secret = key_and_secret
    made = [make_job(["jane@ok.test"], key=key) for _ in range(60)]
    headers = {"X-License-Key": secret}
    with serving() as url, ThreadPoolExecutor(60) as pool:
        calls = [pool.submit(httpx.get, f"{url}{of(job)}?after=1&wait=30", headers=headers, timeout=60) for job in made]
        wait_until(lambda: sum(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()) >= 60)
        time.sleep(3)
        threads = [thread.name for thread in threading.enumerate()]
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            (connections,) = cursor.fetchone()
        for job in made:
            say(job)
        answers = [call.result(timeout=30) for call in calls]
    assert [started(answer.json()) for answer in answers] == [[2]] * 60
    assert len(threads) < 60 + 25, threads
    assert connections < 20


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_job_wakes_who_waits(key_and_secret: tuple[LicenseKey, str]) -> None:
    key, secret = key_and_secret
    job = make_job(["jane@ok.test"], key=key)
    with serving() as url, ThreadPoolExecutor() as pool:
        headers = {"X-License-Key": secret}
        waiting = pool.submit(httpx.get, f"{url}{of(job)}?after=1&wait=30", headers=headers, timeout=40)
        time.sleep(0.5)
        jobs.delete(job=job, actor=None)
        assert waiting.result(timeout=10).status_code == 404


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("secret", "status"), [("", 401), ("evp_live_x", 401)])
def test_no_wait_without_a_key_that_is_good(secret: str, status: int) -> None:
    with serving() as url:
        answer = httpx.get(f"{url}{FEED}?wait=30", headers={"X-License-Key": secret} if secret else {}, timeout=5)
        assert answer.status_code == status
