"""When the supervisor finds that work stands still, by the rows."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.domain import accounts
from portal.watch import LOOK_SECONDS, MOST_SILENT_SECONDS, SILENT_SECONDS, Look, Seen, Silence, Watch, Work, parameters
from tests.verification.factories import NOW, make_job, make_upload, owner_of
from verification.domain import intake, jobs
from verification.models import Batch

WAITING = Seen(waiting=3, state=7, busy=False)
NOTHING = Seen(0, 0, busy=False)
NOWHERE = Path("/nowhere")
LOOKS = int(SILENT_SECONDS / LOOK_SECONDS)


def hear(silence: Silence, *seen: Seen | None, start: float = 100.0) -> list[bool]:
    """Give what each look led to, one every 5 s."""
    return [silence.hear(one, start + LOOK_SECONDS * at) for at, one in enumerate(seen)]


def test_untouched_work_is_silence_after_thirty_seconds() -> None:
    assert hear(Silence(), *[WAITING] * (LOOKS + 2)) == [False] * LOOKS + [True, False]


@pytest.mark.parametrize(
    "news",
    [
        pytest.param(Seen(3, 7, busy=True), id="a lease is alive"),
        pytest.param(Seen(2, 7, busy=False), id="a batch was taken and done"),
        pytest.param(Seen(3, 8, busy=False), id="one done, one new"),
        pytest.param(Seen(0, 0, busy=False), id="no work"),
        pytest.param(None, id="database away"),
    ],
)
def test_news_breaks_the_silence(news: Seen | None) -> None:
    heard = hear(Silence(), *[WAITING] * LOOKS, news, *[WAITING] * LOOKS)
    assert heard == [False] * (2 * LOOKS + 1)


def test_a_restart_that_did_not_help_is_not_repeated_at_once() -> None:
    heard = hear(Silence(), *[WAITING] * 330)
    alarms = [at * LOOK_SECONDS for at, alarm in enumerate(heard) if alarm]
    assert [round(b - a) for a, b in pairwise(alarms)] == [60, 120, 240, 480, 480]
    assert MOST_SILENT_SECONDS == 480


def test_after_some_work_patience_is_short_again() -> None:
    silence = Silence()
    hear(silence, *[WAITING] * (LOOKS + 1), Seen(2, 7, busy=True))
    assert silence.patience == SILENT_SECONDS


@pytest.mark.parametrize("still", list(Work))
def test_one_kind_of_work_stands_still_while_others_go_on(still: Work) -> None:
    watch = Watch({}, NOWHERE)
    for at in range(LOOKS + 1):
        assert not watch.take_alarm()
        news = {kind: Seen(3, at, busy=True) for kind in Work}
        watch.hear(news | {still: WAITING}, 100.0 + LOOK_SECONDS * at)
    assert (watch.take_alarm(), watch.take_alarm()) == (True, False)  # told once


def look(uploads: Path = NOWHERE) -> Look:
    watch = Watch(parameters(settings.DATABASES["default"]), uploads)
    try:
        found = watch.look()
    finally:
        watch._disconnect()
    assert found is not None
    return found


@pytest.mark.django_db(transaction=True)
def test_a_look_at_the_rows() -> None:
    def well() -> Seen:
        return look()[Work.WELL]

    assert well() == NOTHING
    job = make_job(["jane@ok.test"])
    batch = Batch.objects.get()
    waiting = Seen(1, batch.pk, busy=False)
    assert well() == waiting

    jobs.pause(job=job)
    assert well() == NOTHING
    jobs.resume(job=job)
    accounts.suspend(account=job.account)
    assert well() == NOTHING
    accounts.resume(account=job.account)
    Batch.objects.update(due_at=Now() + timedelta(minutes=5))
    assert well() == NOTHING

    Batch.objects.update(due_at=Now(), token=job.pk, lease_until=Now() + timedelta(seconds=20))
    assert well() == Seen(0, 0, busy=True)
    Batch.objects.update(lease_until=Now() - timedelta(seconds=1))  # and no sweeper frees it
    assert well() == waiting


@pytest.mark.django_db(transaction=True)
def test_suspects_are_work_of_their_own() -> None:
    make_job(["jane@ok.test"])
    make_job(["joe@ok.test"])
    first, second = Batch.objects.order_by("pk")
    Batch.objects.filter(pk=first.pk).update(attempts=1)
    Batch.objects.filter(pk=second.pk).update(token=uuid.uuid4(), lease_until=Now() + timedelta(seconds=20))
    assert look() == {
        Work.WELL: Seen(0, 0, busy=True),
        Work.SUSPECTS: Seen(1, first.pk, busy=False),
        Work.LISTS: Seen(0, ((), 0), busy=False),
    }


@pytest.mark.django_db(transaction=True)
def test_a_list_that_nobody_reads_is_work(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOADS = tmp_path
    upload = make_upload()
    name = str(upload.pk)
    job = intake.start_list(upload=upload, address_column=1, user=owner_of(upload.account), now=NOW)
    assert look(tmp_path)[Work.LISTS] == Seen(1, (((name, False),), 0), busy=False)
    with intake.reading(job.pk):
        being_read = look(tmp_path)[Work.LISTS]
    assert being_read == Seen(1, (((name, True),), 0), busy=False)  # frozen, unless more is copied
    assert look(tmp_path / "of another machine")[Work.LISTS] == Seen(0, ((), 0), busy=False)


@pytest.mark.django_db(transaction=True)
def test_a_reader_at_work_is_seen() -> None:
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    with psycopg.connect(url, application_name="portal-cluster") as reader:
        reader.execute("CREATE TEMPORARY TABLE incoming (address text) ON COMMIT DROP")
        with reader.cursor().copy("COPY incoming FROM STDIN") as pipe:
            pipe.write(b"jane@ok.test\n" * 10_000)
            until(lambda: look()[Work.LISTS].state == ((), 10_000))
            assert not look()[Work.LISTS].busy  # the server waits for more
        asked = threading.Thread(target=reader.execute, args=("SELECT pg_sleep(1.5)",))
        asked.start()
        until(lambda: look()[Work.LISTS].busy)
        asked.join()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_database_that_is_away_is_no_news() -> None:
    away = parameters(settings.DATABASES["default"]) | {"port": 1}
    assert Watch(away, NOWHERE).look() is None
