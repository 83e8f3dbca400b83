"""When the supervisor finds that work stands still, by the rows."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.domain import accounts
from portal.watch import LOOK_SECONDS, MOST_SILENT_SECONDS, SILENT_SECONDS, Seen, Silence, Watch, parameters
from tests.factories import make_account
from tests.verification.factories import make_job
from verification.domain import jobs
from verification.models import Batch, Job, JobSource

WAITING = Seen(claimable=3, newest=7, busy=False)
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


def test_an_alarm_is_taken_once() -> None:
    watch = Watch({})
    watch._alarm.set()
    assert (watch.take_alarm(), watch.take_alarm()) == (True, False)


def look() -> Seen | None:
    watch = Watch(parameters(settings.DATABASES["default"]))
    try:
        return watch.look()
    finally:
        watch._disconnect()


@pytest.mark.django_db(transaction=True)
def test_a_look_at_the_rows() -> None:
    assert look() == Seen(0, 0, busy=False)
    job = make_job(["jane@ok.test"])
    batch = Batch.objects.get()
    waiting = Seen(1, batch.pk, busy=False)
    assert look() == waiting

    jobs.pause(job=job)
    assert look() == Seen(0, 0, busy=False)
    jobs.resume(job=job)
    accounts.suspend(account=job.account)
    assert look() == Seen(0, 0, busy=False)
    accounts.resume(account=job.account)
    Batch.objects.update(due_at=Now() + timedelta(minutes=5))
    assert look() == Seen(0, 0, busy=False)

    Batch.objects.update(due_at=Now(), token=job.pk, lease_until=Now() + timedelta(seconds=20))
    assert look() == Seen(0, 0, busy=True)
    Batch.objects.update(lease_until=Now() - timedelta(seconds=1))  # and no sweeper frees it
    assert look() == waiting


@pytest.mark.django_db(transaction=True)
def test_a_list_that_nobody_reads_is_work() -> None:
    Job.objects.create(account=make_account(), source=JobSource.UPLOAD)
    assert look() == Seen(1, 0, busy=False)
    with transaction.atomic():
        Job.objects.select_for_update().get()
        assert look() == Seen(0, 0, busy=False)  # being read


def test_a_database_that_is_away_is_no_news() -> None:
    away = parameters(settings.DATABASES["default"]) | {"port": 1}
    assert Watch(away).look() is None
