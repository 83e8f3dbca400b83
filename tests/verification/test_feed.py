from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts.models import Account
from tests.factories import make_account, make_key
from tests.verification.factories import finish, give_verdict, make_job
from tests.verification.transactions import settled
from verification.domain import feed, jobs
from verification.domain.database import connection_kwargs
from verification.domain.event_shapes import timestamp
from verification.domain.feed import Cursor, CursorUnfit
from verification.models import Event, EventType, Job

Connection = psycopg.Connection[tuple[Any, ...]]  # Any: columns


@pytest.fixture
def account() -> Account:
    return make_account()


START = Cursor()


def add(job: Job, kind: EventType = EventType.VERIFIED) -> Event:
    """Add an event of all rows taken, as a flush does."""
    job.refresh_from_db()
    ids = list(job.checks.taken().order_by("position").values_list("pk", flat=True))
    first = job.event_seq + 1
    Job.objects.filter(pk=job.pk).update(event_seq=job.event_seq + len(ids))
    return Event.objects.create(
        job=job, account=job.account, type=kind, check_ids=ids, first_seq=first, last_seq=first + len(ids) - 1
    )


def kinds(messages: list[dict[str, Any]]) -> list[tuple[str, int, str, str]]:  # Any: JSON
    """Give job, number, type and address of each entry."""
    return [
        (
            message["meta"]["jobId"],
            entry["meta"]["seq"],
            entry["meta"]["event"]["type"],
            entry["meta"].get("mail", {}).get("email", ""),
        )
        for message in messages
        for entry in message["notifications"]
    ]


def all_of(account: Account, *, limit: int, after: Cursor = START) -> list[list[tuple[str, int, str, str]]]:
    """Read an account's feed page by page, until one is empty."""
    found: list[list[tuple[str, int, str, str]]] = []
    while True:
        page = feed.of_account(account=account, after=after, limit=limit)
        if not page.messages:
            return found
        found.append(kinds(page.messages))
        after = Cursor.read(str(page.after))


@pytest.mark.django_db
def test_what_happens_in_a_job(account: Account) -> None:
    job = make_job(["Jane <jane@ok.test>", "jane@OK.test", "nobody", "joe@ok.test"], account=account)
    Job.objects.filter(pk=job.pk).update(reference_job="spring")
    for check in job.checks.taken():
        give_verdict(check)
    verified = add(job)
    (message,) = feed.of_job(job=job, after=0, limit=100).messages
    assert message["meta"] == {
        "account": account.slug,
        "receivedTs": timestamp(job.created_at),
        "jobId": str(job.pk),
        "version": "1",
        "referenceJob": "spring",
    }
    name = str(job.pk)
    assert kinds([message]) == [
        (name, 1, "DROPPED", "jane@OK.test"),
        (name, 2, "DROPPED", "nobody"),
        (name, 3, "STARTED", ""),
        (name, 4, "VERIFIED", "jane@ok.test"),
        (name, 5, "VERIFIED", "joe@ok.test"),
    ]
    dropped, _, started, found, _ = message["notifications"]
    assert dropped == {
        "meta": {
            "seq": 1,
            "mail": {"id": f"{job.pk}#00000000#00000001", "email": "jane@OK.test"},
            "event": {
                "type": "DROPPED",
                "phase": "PRE_PROCESS",
                "state": "FINISHED",
                "subType": "DUPLICATE",
                "ts": dropped["meta"]["event"]["ts"],
            },
        }
    }
    assert started["meta"]["event"]["subType"] == "PROCESSING_STARTED"
    assert found == {
        "meta": {
            "seq": 4,
            "mail": {"id": f"{job.pk}#00000000#00000000", "email": "jane@ok.test"},
            "event": {
                "type": "VERIFIED",
                "phase": "FINISHED",
                "state": "FINISHED",
                "subType": "Ok",
                "ts": timestamp(verified.created_at),
            },
        },
        "content": {
            "result": "Ok",
            "reason": "Success",
            "role": False,
            "free": False,
            "disposable": False,
            "email": "jane@ok.test",
            "domain": "ok.test",
            "user": "jane",
            "mailServerLocation": "DE",
            "duration": 0,
            "blame": "none",
        },
    }


@pytest.mark.django_db
def test_the_end_of_a_job_and_rows_tried_again(account: Account) -> None:
    job = make_job(["jane@ok.test"], account=account)
    give_verdict(job.checks.get(), final=False)
    add(job, EventType.DEFERRED)
    jobs.cancel(job=job)
    (message,) = feed.of_job(job=job, after=1, limit=100).messages
    shown = [entry["meta"]["event"] for entry in message["notifications"]]
    assert [(one["type"], one["phase"], one["state"], one["subType"]) for one in shown] == [
        ("DEFERRED", "PROCESS", "IN_PROGRESS", "TRY_AGAIN"),
        ("PROCESSED", "FINISHED", "FINISHED", "PROCESSING_CANCELLED"),
    ]
    assert [list(entry) for entry in message["notifications"]] == [["meta"], ["meta"]]


@pytest.mark.django_db
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 100])
def test_pages_of_a_job_and_of_an_account_give_each_event_once(account: Account, limit: int) -> None:
    first = make_job([f"a{number}@ok.test" for number in range(4)], account=account)
    second = make_job([f"b{number}@ok.test" for number in range(3)], account=account)
    for job in (first, second):
        for check in job.checks.all():
            give_verdict(check)
        add(job)
    add(first, EventType.DEFERRED)
    Event.objects.update(written_in=1)  # as if all were committed; they are of this test's own transaction
    expected = [(str(first.pk), 1, "STARTED", ""), (str(second.pk), 1, "STARTED", "")]
    expected += [(str(first.pk), 2 + n, "VERIFIED", f"a{n}@ok.test") for n in range(4)]
    expected += [(str(second.pk), 2 + n, "VERIFIED", f"b{n}@ok.test") for n in range(3)]
    expected += [(str(first.pk), 6 + n, "DEFERRED", f"a{n}@ok.test") for n in range(4)]
    pages = all_of(account, limit=limit)
    assert [entry for page in pages for entry in page] == expected
    assert {len(page) for page in pages[:-1]} <= {limit}
    alone, after = [], 0
    while (page := feed.of_job(job=first, after=after, limit=limit)).messages:
        alone += kinds(page.messages)
        after = page.after.since
    assert alone == [entry for entry in expected if entry[0] == str(first.pk)]


@pytest.mark.django_db
def test_strangers_and_deleted_jobs_are_not_in_an_accounts_feed(account: Account) -> None:
    make_job(["jane@ok.test"])
    gone = finish(make_job(["joe@ok.test"], account=account))
    jobs.delete(job=gone, actor=None)
    Event.objects.update(written_in=1)
    assert all_of(account, limit=10) == []


@pytest.mark.django_db
def test_addresses_that_were_erased_leave_the_others(account: Account) -> None:
    job = make_job(["jane@ok.test", "joe@ok.test"], account=account)
    add(job)
    job.checks.get(position=0).delete()
    messages = feed.of_job(job=job, after=1, limit=10).messages
    assert kinds(messages) == [(str(job.pk), 3, "VERIFIED", "joe@ok.test")]


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1-2", "1-2-3", "1-2-3-4-5", "5-5-1-1", "9223372036854775808", "٣", "1 ", "0x1", "1-0-0-0"]
)
def test_cursors_that_nobody_gave_out(text: str) -> None:
    with pytest.raises(CursorUnfit):
        Cursor.read(text)


@pytest.mark.django_db
def test_a_cursor_of_another_database(account: Account) -> None:
    with pytest.raises(CursorUnfit):
        feed.of_account(account=account, after=Cursor(2**62), limit=1)


# Two writers, each with a connection of its own.

TAKE_NUMBER = "SELECT pg_current_xact_id()"
WRITE = """
WITH counted AS (
    UPDATE verification_job SET event_seq = event_seq + 1 WHERE id = %s RETURNING id, account_id, event_seq
)
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
SELECT id, account_id, 'STARTED', '', event_seq, event_seq, '{}', now() FROM counted
"""


@pytest.fixture
def writers() -> Iterator[tuple[Connection, Connection]]:
    with (
        psycopg.connect(**connection_kwargs("command")) as one,
        psycopg.connect(**connection_kwargs("command")) as other,
    ):
        yield one, other


@pytest.fixture
def two_jobs(account: Account) -> tuple[Job, Job]:
    key = make_key(account)[0]
    return make_job(["jane@ok.test"], key=key), make_job(["joe@ok.test"], key=key)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_early", [True, False], ids=["wrote first", "began first"])
def test_what_commits_late_is_not_missed(
    account: Account, two_jobs: tuple[Job, Job], writers: tuple[Connection, Connection], is_early: bool
) -> None:
    slow, fast = writers
    late, early = (str(job.pk) for job in two_jobs)
    settled()
    after = feed.of_account(account=account, after=Cursor(), limit=100).after
    slow.execute(WRITE if is_early else TAKE_NUMBER, [late] if is_early else None)
    fast.execute(WRITE, [early])
    fast.commit()
    page = feed.of_account(account=account, after=after, limit=100)
    seen = kinds(page.messages)
    if not is_early:
        slow.execute(WRITE, [late])
    slow.commit()
    settled()
    seen += kinds(feed.of_account(account=account, after=page.after, limit=100).messages)
    assert sorted(seen) == sorted([(late, 2, "STARTED", ""), (early, 2, "STARTED", "")])
    with connection.cursor() as cursor:  # what a reader by the rows' own numbers would have seen first
        cursor.execute("SELECT job_id::text FROM verification_event WHERE last_seq = 2 ORDER BY id")
        assert [job for (job,) in cursor.fetchall()] == ([late, early] if is_early else [early, late])


@pytest.mark.django_db(transaction=True)
def test_events_of_a_job_keep_their_order_when_transactions_do_not(
    account: Account, two_jobs: tuple[Job, Job], writers: tuple[Connection, Connection]
) -> None:
    slow, fast = writers
    job = str(two_jobs[0].pk)
    slow.execute(TAKE_NUMBER)
    fast.execute(WRITE, [job])
    fast.commit()
    slow.execute(WRITE, [job])
    slow.commit()
    settled()
    found = [entry for page in all_of(account, limit=1) for entry in page if entry[0] == job]
    assert [seq for _, seq, _, _ in found] == [1, 2, 3]


@pytest.mark.django_db(transaction=True)
def test_a_page_that_was_begun_is_read_to_its_end_before_what_came_later(
    account: Account, two_jobs: tuple[Job, Job], writers: tuple[Connection, Connection]
) -> None:
    settled()
    first = feed.of_account(account=account, after=Cursor(), limit=1)
    writer, _ = writers
    writer.execute(WRITE, [two_jobs[0].pk])
    writer.commit()
    settled()
    rest = [entry for page in all_of(account, limit=1, after=first.after) for entry in page]
    one, other = (str(job.pk) for job in two_jobs)
    assert [*kinds(first.messages), *rest] == [
        (one, 1, "STARTED", ""), (other, 1, "STARTED", ""), (one, 2, "STARTED", ""),
    ]  # fmt: skip
