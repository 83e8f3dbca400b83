"""A list longer than a piece: its first rows are worked on while the rest is read; a reader may die at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest
from django.db import connection, transaction
from django_q.models import OrmQ
from psycopg import AsyncConnection
from pytest_django import Settings

from accounts.domain import quota
from accounts.models import Account, QuotaPeriod, Reservation
from tests.chaos import victims
from tests.chaos.victims import Circumstances
from tests.factories import make_account
from tests.verification.books import assert_books_agree, assert_feed_is_gapless
from tests.verification.factories import NOW, make_upload, owner_of
from verification.domain import drain, exports, intake, jobs
from verification.domain.claims import Order
from verification.domain.database import connection_kwargs
from verification.domain.silence import READERS, UNREAD
from verification.engine import Answer, scenarios
from verification.models import Batch, Check, CheckResult, Job, JobStatus

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = ["a@bulk-2.test", "b@bulk-1.test", "nobody", "A@ok.test", "b@bulk-1.test", "b@BULK-1.test", "c@bulk-2.test"]
ROWS += ["nobody", "c@bulk-2.test", "d@bulk-1.test"]
LIST = "email\n" + "\n".join(ROWS) + "\n"


class Stopped(Exception):
    pass


@pytest.fixture(autouse=True)
def small_pieces(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read two rows, then three at a time."""
    settings.UPLOADS = settings.RUN_DIR = tmp_path
    monkeypatch.setattr(intake, "FIRST_PIECE_ROWS", 2)
    monkeypatch.setattr(intake, "PIECE_ROWS", 3)
    monkeypatch.setattr(intake, "BATCH_SIZE", 2)
    monkeypatch.setattr(intake, "HUNGRY_BATCHES", 1)
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(drain, "FLUSH_SECONDS", 0.05)


def start(content: str = LIST, *, account: Account | None = None) -> Job:
    upload = make_upload(content, account=account)
    return intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW)


def read(job: Job, *, pieces: int = 0) -> Job:
    """Read a list to its end, or for some pieces."""
    if not pieces:
        intake.read_list(job_id=job.pk)
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(intake, "failpoint", stop_after(pieces))
            with pytest.raises(Stopped):
                intake.read_list(job_id=job.pk)
    job.refresh_from_db()
    return job


def stop_after(pieces: int) -> object:
    left = pieces

    def failpoint(place: str) -> None:
        nonlocal left
        left -= place == "list_piece_committed"
        if not left:
            raise Stopped

    return failpoint


def work_off() -> None:
    async def from_table(address: str, order: Order) -> Answer:
        return scenarios.answer(address)

    async def go() -> None:
        async with await AsyncConnection.connect(**connection_kwargs("drain"), autocommit=True) as own:
            await drain.Drain(own, from_table).run()

    asyncio.run(go())


def rows_of(job: Job) -> list[tuple[int, str, str, int | None]]:
    return list(job.checks.order_by("position").values_list("position", "address", "classifier", "duplicate_of"))


def counters(job: Job) -> dict[str, int]:
    names = ("total", "decided", "undecided", "waiting", "refused", "duplicate", "cancelled")
    return {name: value for name in names if (value := getattr(job, name))}


def test_pieces_give_what_the_whole_would() -> None:
    job = read(start())

    assert rows_of(job) == [
        (0, "a@bulk-2.test", "", None),
        (1, "b@bulk-1.test", "", None),
        (2, "nobody", "INVALID_FORMAT", None),
        (3, "A@ok.test", "", None),
        (4, "b@bulk-1.test", "DUPLICATE", 1),
        (5, "b@BULK-1.test", "DUPLICATE", 1),  # a repetition in its own piece, too
        (6, "c@bulk-2.test", "", None),
        (7, "nobody", "INVALID_FORMAT", None),
        (8, "c@bulk-2.test", "DUPLICATE", 6),
        (9, "d@bulk-1.test", "", None),
    ]
    assert (job.status, job.is_reading, job.rows_cut) == (JobStatus.RUNNING, False, 10)
    assert counters(job) == {"total": 10, "waiting": 5, "refused": 2, "duplicate": 3}
    assert_books_agree(job)


def test_a_repetition_within_a_piece_points_to_the_first_of_all() -> None:
    job = read(start("email\na@ok.test\nb@ok.test\nc@ok.test\na@ok.test\na@OK.test\nd@ok.test\n"))

    assert rows_of(job)[3:5] == [(3, "a@ok.test", "DUPLICATE", 0), (4, "a@OK.test", "DUPLICATE", 0)]
    assert_books_agree(job)


def test_the_first_rows_are_worked_on_while_the_rest_is_read() -> None:
    job = read(start(), pieces=1)
    assert (job.status, job.is_reading) == (JobStatus.PARSING, True)
    assert job.started_at is not None
    assert [bell.task["func"] for bell in OrmQ.objects.order_by("pk")] == [
        *("verification.tasks.read_list", "verification.tasks.run_drain"),
    ]

    work_off()
    job.refresh_from_db()
    assert (job.status, counters(job)) == (JobStatus.PARSING, {"total": 2, "decided": 2})
    assert_feed_is_gapless(job)

    read(job)
    work_off()
    job.refresh_from_db()
    assert (job.status, counters(job)) == (
        *(JobStatus.FINISHED,),
        {"total": 10, "decided": 5, "refused": 2, "duplicate": 3},
    )
    events = list(job.events.order_by("last_seq").values_list("type", "sub_type", "first_seq", "last_seq"))
    assert [*events[:7], events[-1]] == [
        ("STARTED", "PROCESSING_STARTED", 1, 1),
        ("VERIFIED", "", 2, 3),
        ("DROPPED", "DUPLICATE", 4, 4),
        ("DROPPED", "INVALID_FORMAT", 5, 5),
        ("DROPPED", "DUPLICATE", 6, 6),
        ("DROPPED", "INVALID_FORMAT", 7, 7),
        ("DROPPED", "DUPLICATE", 8, 8),
        ("PROCESSED", "PROCESSING_FINISHED", 12, 12),
    ]
    assert_books_agree(job)


def test_batches_are_cut_ahead_of_need_only_and_then_follow_the_domain() -> None:
    job = start()
    read(job, pieces=3)
    assert (job.total, job.rows_cut) == (8, 2)  # one batch waits: nobody is hungry

    read(job)
    address = dict(Check.objects.values_list("pk", "address"))
    batches = [[address[pk] for pk in ids] for ids in job.batches.order_by("pk").values_list("check_ids", flat=True)]
    assert batches == [
        ["b@bulk-1.test", "a@bulk-2.test"],
        ["d@bulk-1.test", "c@bulk-2.test"],
        ["A@ok.test"],
    ]


def test_hungry_drains_get_all_that_is_read() -> None:
    job = start()
    for pieces, cut in [(1, 2), (1, 5), (1, 8)]:
        read(job, pieces=pieces)
        assert job.rows_cut == cut
        work_off()

    read(job)
    work_off()
    job.refresh_from_db()
    assert job.status == JobStatus.FINISHED
    assert_books_agree(job)


def test_the_last_piece_ends_a_job_that_waits_for_nothing() -> None:
    job = start("email\na@ok.test\nb@ok.test\na@ok.test\nnobody\n")
    read(job, pieces=1)
    work_off()
    assert Job.objects.get(pk=job.pk).status == JobStatus.PARSING

    read(job)

    assert (job.status, job.finished_at is not None) == (JobStatus.FINISHED, True)
    assert job.events.latest("last_seq").sub_type == "PROCESSING_FINISHED"
    assert_books_agree(job)


def test_a_list_is_read_on_while_paused() -> None:
    job = read(start(), pieces=1)
    jobs.pause(job=job)
    work_off()
    assert counters(Job.objects.get(pk=job.pk)) == {"total": 2, "waiting": 2}

    read(job)
    assert (job.status, job.is_reading, job.total) == (JobStatus.PAUSED, False, 10)

    jobs.resume(job=job)
    work_off()
    job.refresh_from_db()
    assert job.status == JobStatus.FINISHED
    assert_books_agree(job)


def test_a_job_resumed_too_soon_is_still_read() -> None:
    job = read(start(), pieces=1)
    jobs.pause(job=job)
    jobs.resume(job=job)
    job.refresh_from_db()
    assert job.status == JobStatus.PARSING

    read(job)
    assert (job.status, job.total) == (JobStatus.RUNNING, 10)


def test_a_list_cancelled_while_it_is_read_keeps_what_is_done() -> None:
    account = make_account(monthly_quota=20)
    job = read(start(account=account), pieces=1)
    work_off()
    read(job, pieces=1)

    jobs.cancel(job=job)

    assert job.upload is not None
    assert not job.upload.path.exists()
    read(job)
    assert (job.status, job.is_reading, job.fault) == (JobStatus.CANCELLED, False, "")
    assert counters(job) == {"total": 5, "decided": 2, "refused": 1, "duplicate": 1, "cancelled": 1}
    assert not Batch.objects.exists()
    assert quota.left(account_id=account.pk) == 18
    assert_books_agree(job)


def test_a_list_cancelled_within_a_piece_gets_no_more_rows(settings: Settings, tmp_path: Path) -> None:
    job = read(start(), pieces=1)
    name = str(connection.settings_dict["NAME"])
    circumstances = Circumstances(name, tmp_path, settings={"UPLOADS": tmp_path}, piece_rows=3)
    with transaction.atomic():
        jobs.cancel(job=job)  # and commit when the reader waits for what it has locked
        reader = victims.start(victims.read_list, circumstances, str(job.pk))
        wait_for_a_lock()
    reader.join(30)

    assert reader.exitcode == 0
    job.refresh_from_db()
    assert (job.status, counters(job)) == (JobStatus.CANCELLED, {"total": 2, "cancelled": 2})
    assert Check.objects.count() == 2
    assert not Batch.objects.exists()
    assert_books_agree(job)


def wait_for_a_lock() -> None:
    with psycopg.connect(**connection_kwargs("command"), autocommit=True) as own:
        for _ in range(3000):
            row = own.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            if row and row[0]:
                return
            own.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits")


@pytest.mark.parametrize(
    "content", ["a@bulk-2.test\n", LIST[6:45], LIST + "one@more.test\n", LIST[:40] + "\0" + LIST[40:]]
)
def test_a_file_that_changes_ends_the_job_and_tells(content: str) -> None:
    account = make_account(monthly_quota=20)
    job = read(start(account=account), pieces=1)
    work_off()
    assert job.upload is not None
    job.upload.path.write_text(content)

    read(job)

    assert job.status == JobStatus.CANCELLED
    assert job.fault
    assert job.decided == 2
    assert counters(job).get("waiting") is None
    assert quota.left(account_id=account.pk) == 18
    assert Reservation.objects.get().open == 0
    assert not job.upload.path.exists()
    assert not Batch.objects.exists()
    assert_books_agree(job)


def test_bytes_that_break_are_a_fault_of_the_list_not_ours() -> None:
    job = read(start(), pieces=1)
    assert job.upload is not None
    job.upload.path.write_bytes(LIST.encode().replace(b"nobody\nc@", b"nob\xffdy\nc@"))

    read(job)

    assert (job.status, job.fault.split(".")[0]) == (JobStatus.CANCELLED, "Line 9 is not valid UTF-8")


def test_two_do_not_read_the_same_list() -> None:
    job = start()
    with psycopg.connect(**connection_kwargs("command"), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", [READERS, str(job.pk)])
        assert read(job).total == 0
        assert unread() == []
        other.execute("SELECT pg_advisory_unlock_all()")  # the end of a session is noticed a moment later
    assert read(job).total == 10


def test_a_list_whose_reader_died_is_read_on() -> None:
    job = read(start(), pieces=2)
    assert unread() == [job.pk]

    read(job)
    assert unread() == []


def unread() -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(UNREAD)
        return [job_id for (job_id,) in cursor.fetchall()]


def test_what_is_read_can_be_exported() -> None:
    job = read(start(), pieces=2)

    lines = b"".join(exports.export_csv(job=job)).decode().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ROWS[:5]


def test_the_money_is_held_until_all_is_read() -> None:
    account = make_account(monthly_quota=20)
    job = read(start(account=account), pieces=2)
    period = QuotaPeriod.objects.get(account=account)
    assert (period.used, period.reserved) == (0, 10)

    read(job)
    period.refresh_from_db()
    assert (period.used, period.reserved) == (0, 5)


def test_refused_rows_of_all_pieces_are_in_one_tally() -> None:
    job = read(start())

    assert list(job.tallies.values_list("reason", "count")) == [("AtSignNotFound", 2)]
    assert CheckResult.objects.filter(job=job).count() == 2
