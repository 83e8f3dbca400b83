from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import BadSignature, SignedPackage
from pytest_django import Settings

from accounts.domain import quota, quota_turn
from accounts.models import LedgerEntry, QuotaPeriod
from tests.factories import make_account
from tests.verification.books import assert_books_agree
from tests.verification.factories import NOW, make_job, make_upload, owner_of
from verification import tasks
from verification.domain import intake, jobs, slots, sweeper
from verification.domain.slots import Slot
from verification.domain.sweeper import Sweeper
from verification.models import Batch, CheckResult, Job, JobStatus, Upload

pytestmark = pytest.mark.django_db(transaction=True)


def silence() -> None:
    """Lose all bells."""
    OrmQ.objects.all().delete()


def bells() -> list[str]:
    return [bell.task["func"] for bell in OrmQ.objects.order_by("pk")]


def at_once(task: Callable[[], None], times: int = 2) -> None:
    """Let several threads do a task at the same moment, each on a connection of its own."""
    ready = threading.Barrier(times)

    def one() -> None:
        try:
            ready.wait(10)
            task()
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        for done in [pool.submit(one) for _ in range(times)]:
            done.result()


def test_two_sweepers_at_once_double_nothing() -> None:
    jobs_of_all = [make_job([f"user{n}@ok.test" for n in range(8)]) for _ in range(6)]
    dead = {"token": uuid.uuid4(), "lease_until": Now() - timedelta(seconds=1)}
    Batch.objects.filter(job__in=jobs_of_all[:2]).update(**dead)
    Batch.objects.filter(job__in=jobs_of_all[2:4]).update(**dead, attempts=1)  # split
    make_poison = Batch.objects.filter(job__in=jobs_of_all[4:])
    make_poison.update(alone=True, attempts=sweeper.PUT_ASIDE_ATTEMPTS)
    quota.reserve(account_id=jobs_of_all[0].account_id, amount=3, reference="live:x", ttl_seconds=-1)

    for _ in range(3):
        at_once(lambda: Sweeper().sweep())

    for job in jobs_of_all:
        assert_books_agree(job)
    assert sorted(Batch.objects.filter(job__in=jobs_of_all[:2]).values_list("attempts", flat=True)) == [1, 1]
    parts = Batch.objects.filter(job__in=jobs_of_all[2:4])
    assert sorted(check for part in parts for check in part.check_ids) == sorted(
        jobs_of_all[2].checks.values_list("pk", flat=True).union(jobs_of_all[3].checks.values_list("pk", flat=True))
    )
    put_aside = CheckResult.objects.filter(job__in=jobs_of_all[4:], blame="our_fault")
    assert (put_aside.count(), Batch.objects.filter(job__in=jobs_of_all[4:]).count()) == (16, 0)
    assert QuotaPeriod.objects.get(account=jobs_of_all[0].account).reserved == 8


def test_bells_of_another_secret_key_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was queued under the old key is dropped by the queue; the rows ring again."""
    job = make_job(["jane@ok.test"])
    monkeypatch.setattr(Conf, "SECRET_KEY", "another")  # of django-q2, which signs with it
    before = OrmQ.objects.get()
    with pytest.raises(BadSignature):
        SignedPackage.loads(before.payload)
    before.delete()  # as the pusher does

    Sweeper().sweep()

    (bell,) = OrmQ.objects.all()
    assert bell.task["func"] == "verification.tasks.run_drain"
    job.refresh_from_db()
    assert job.waiting == 1


def test_due_work_without_a_bell_is_found() -> None:
    make_job(["jane@ok.test"])
    silence()

    Sweeper().sweep()

    assert bells() == ["verification.tasks.run_drain"]


def test_one_silence_rings_once() -> None:
    make_job(["jane@ok.test"])
    silence()
    one = Sweeper()
    one.sweep()
    one.sweep()

    assert len(bells()) == 1


def test_a_drain_that_died_is_replaced_before_its_leases_expire() -> None:
    make_job(["jane@ok.test"])
    Batch.objects.update(token=uuid.uuid4(), lease_until=Now() + timedelta(seconds=20))
    make_job(["joe@ok.test"])
    silence()

    with slots.hold_all(Slot.MAIN):
        Sweeper().sweep()
        assert bells() == []
    Sweeper().sweep()
    assert bells() == ["verification.tasks.run_drain"]


def test_suspects_ring_for_a_drain_of_their_own() -> None:
    make_job(["jane@ok.test"])
    Batch.objects.update(token=uuid.uuid4(), lease_until=Now() + timedelta(seconds=20))
    make_job(["joe@ok.test"])
    Batch.objects.filter(token=None).update(attempts=1)
    silence()

    with slots.hold_all(Slot.MAIN):
        Sweeper().sweep()
    assert bells() == ["verification.tasks.run_drain"]


def test_no_bell_while_somebody_works() -> None:
    make_job(["jane@ok.test"])
    silence()
    Batch.objects.update(token="9c1b5bd0-6d2b-4f0e-9d0c-0a4b0f0c0001", lease_until=Now() + timedelta(seconds=9))

    Sweeper().sweep()

    assert bells() == []


@pytest.mark.parametrize("leave", ["paused", "later"])
def test_no_bell_for_what_cannot_be_claimed(leave: str) -> None:
    job = make_job(["jane@ok.test"])
    if leave == "paused":
        jobs.pause(job=job)
    else:
        Batch.objects.update(due_at=Now() + timedelta(minutes=5))
    silence()

    Sweeper().sweep()

    assert bells() == []


def test_a_list_nobody_reads_is_asked_for_again(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOADS = tmp_path
    job = started()
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(seconds=6))
    silence()

    Sweeper().sweep()

    assert bells() == ["verification.tasks.read_list"]
    intake.read_list(job_id=job.pk)
    job.refresh_from_db()
    assert (job.status, job.total) == (JobStatus.RUNNING, 2)


def test_a_list_on_another_machine_is_left_to_it_for_an_hour(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOADS = tmp_path
    job = started()
    settings.UPLOADS = tmp_path / "of another machine"
    silence()
    for age in (timedelta(minutes=59), timedelta(minutes=61)):
        Job.objects.filter(pk=job.pk).update(created_at=Now() - age)
        Sweeper().sweep()
        assert bells() == (["verification.tasks.read_list"] if age > timedelta(hours=1) else [])


def test_an_expired_lease_is_freed_by_the_databases_clock() -> None:
    make_job(["jane@ok.test"])
    Batch.objects.update(token="9c1b5bd0-6d2b-4f0e-9d0c-0a4b0f0c0001", lease_until=Now() - timedelta(seconds=1))

    Sweeper().sweep()

    assert list(Batch.objects.values_list("token", "attempts")) == [(None, 1)]


def test_an_expired_reservation_comes_back() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=3, reference="live:x", ttl_seconds=60)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_reservation SET expires_at = now() - interval '1 second'")

    Sweeper().sweep()

    assert QuotaPeriod.objects.get(account=account).left == 10


def test_orphan_files_go_after_a_day(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOADS = tmp_path
    old, new = tmp_path / "old.part", tmp_path / "new.part"
    for path in (old, new):
        path.write_text("email\n")
    day_ago = time.time() - 25 * 3600
    os.utime(old, (day_ago, day_ago))

    sweeper.remove_orphan_files()

    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.part"]


def test_uploads_never_started_go_after_a_day(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOADS = tmp_path
    kept = started().upload
    assert kept is not None
    forgotten = make_upload(account=kept.account)
    Upload.objects.filter(pk=forgotten.pk).update(created_at=Now() - timedelta(hours=25))

    sweeper.remove_orphan_files()

    assert list(Upload.objects.values_list("pk", flat=True)) == [kept.pk]


def started() -> Job:
    upload = make_upload()
    return intake.start_list(upload=upload, address_column=1, user=owner_of(upload.account), now=NOW)


def test_quota_is_looked_after_each_minute() -> None:
    account = make_account(monthly_quota=10)
    quota.reserve(account_id=account.pk, amount=10, reference="job")
    over = make_account(monthly_quota=10)
    quota.ensure_period(account_id=over.pk)
    month = timedelta(days=62)
    QuotaPeriod.objects.filter(account=over).update(starts_on=F("starts_on") - month, ends_on=F("ends_on") - month)
    sweeper = Sweeper()
    sweeper.sweep()
    assert bells().count("verification.tasks.tell_of_quota") == 1
    assert LedgerEntry.objects.get(kind="reset").account == over
    sweeper.sweep()
    assert bells().count("verification.tasks.tell_of_quota") == 1
    tasks.tell_of_quota()
    assert [message.to for message in mail.outbox] == [[owner_of(account).email]]


def test_many_periods_are_closed_round_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_turn, "PERIODS", 2)
    for _ in range(5):
        quota.ensure_period(account_id=make_account(monthly_quota=10).pk)
    month = timedelta(days=62)
    QuotaPeriod.objects.update(starts_on=F("starts_on") - month, ends_on=F("ends_on") - month)
    sweeper, closed = Sweeper(), []
    for _ in range(4):
        sweeper.sweep()
        closed.append(LedgerEntry.objects.filter(kind="reset").count())
    assert closed == [2, 4, 5, 5]
