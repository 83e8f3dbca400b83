from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db.models.functions import Now
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import Failure, Task
from django_q.signing import SignedPackage
from django_q.status import Stat, Status

from accounts.models import Account
from tests.verification.factories import make_job
from verification.domain import queue_health
from verification.domain.queue_health import Batches, Cluster, Connections, Lists
from verification.models import Batch, Job, JobStatus, Organisation, PacingGrant

pytestmark = pytest.mark.django_db


def running_job() -> Job:
    job = make_job(["jane@ok.test"])
    Job.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING)
    Batch.objects.filter(job=job).delete()
    job.refresh_from_db()
    return job


def batch(job: Job, due_seconds: float, lease_seconds: float | None = None, attempts: int = 0) -> Batch:
    now = timezone.now()
    return Batch.objects.create(
        job=job,
        account=job.account,
        check_ids=[1],
        due_at=now - timedelta(seconds=due_seconds),
        token=None if lease_seconds is None else uuid.uuid4(),
        lease_until=None if lease_seconds is None else now + timedelta(seconds=lease_seconds),
        attempts=attempts,
    )


def failed(number: int) -> None:
    now = timezone.now()
    for _ in range(number):
        Task.objects.create(
            id=uuid.uuid4().hex, name="x", func="verification.tasks.run_drain", started=now, stopped=now, success=False
        )


def tell(host: str = "one", workers: int = 4, *, seconds: int = 3) -> None:
    """Tell of a queue as django-q2 does, good for some seconds."""
    status = Status(pid=7, cluster_id=uuid.uuid4().hex)  # type: ignore[no-untyped-call]  # of django-q2
    stat = Stat.__new__(Stat)
    stat.__dict__.update(status.__dict__, host=host, workers=[1] * workers, status="Idle", tob=NOON, broker=None)
    cache.set(Conf.Q_STAT, [*cache.get(Conf.Q_STAT, []), stat.key], None)
    cache.set(stat.key, SignedPackage.dumps(stat, True), seconds)


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def nobody_told(db: None) -> None:
    cache.delete(Conf.Q_STAT)  # the cache outlives a test: its table is no model's


def test_an_empty_queue_is_well() -> None:
    health = queue_health.look()
    assert (health.age.batches, health.age.oldest_seconds) == (0, 0.0)
    assert [due.words for due in health.age.due] == list(queue_health.AGE_WORDS)
    assert health.batches == Batches(0, 0, 0, 0, None)
    assert (health.unread, health.connections) == (Lists(0, None), Connections(0, 0, 0))
    assert (health.clusters, health.workers, health.bells) == ([], 0, [])
    assert (health.held, health.held_ones, health.failed, health.failures) == (0, [], 0, [])
    assert not health.stands_still


def test_due_batches_are_counted_by_age() -> None:
    job = running_job()
    for seconds in (1, 2, 30, 90, 700, 5_000):
        batch(job, seconds)
    age = queue_health.queue_age()
    assert [due.batches for due in age.due] == [2, 1, 1, 1, 1]
    assert age.batches == 6
    assert abs(age.oldest_seconds - 5_000) < 60


def test_what_nobody_may_claim_is_not_due() -> None:
    paused, suspended, later = running_job(), running_job(), running_job()
    for job in (paused, suspended):
        batch(job, 100)
    batch(later, -100)
    batch(later, 100, lease_seconds=10)
    Job.objects.filter(pk=paused.pk).update(status=JobStatus.PAUSED)
    Account.objects.filter(pk=suspended.account.pk).update(status=Account.Status.SUSPENDED)
    assert queue_health.queue_age().batches == 0


def test_batches_are_told_apart() -> None:
    job = running_job()
    soon = batch(job, -100)
    batch(job, -200, attempts=1)
    batch(job, 10, lease_seconds=10)
    batch(job, 10, lease_seconds=-10)
    assert queue_health.look().batches == Batches(later=2, leased=1, lapsed=1, suspects=1, next_at=soon.due_at)


def test_work_stands_still_when_it_is_old_and_nobody_is_at_it() -> None:
    job = running_job()
    batch(job, 50)
    assert not queue_health.look().stands_still
    batch(job, 70)
    assert queue_health.look().stands_still
    batch(job, 70, lease_seconds=10)
    assert not queue_health.look().stands_still


def test_lists_that_nobody_reads() -> None:
    job = running_job()
    Job.objects.filter(pk=job.pk).update(status=JobStatus.PARSING, is_reading=True)
    assert queue_health.look().unread == Lists(1, job.created_at)


def test_connections_to_mail_hosts() -> None:
    holders = [uuid.uuid4(), uuid.uuid4()]
    for name, holder, slots, seconds in (
        ("a.test", holders[0], 2, 30),
        ("a.test", holders[1], 1, 30),
        ("b.test", holders[0], 0, 30),
        ("c.test", holders[1], 5, -1),
    ):
        organisation, _ = Organisation.objects.get_or_create(name=name)
        until = timezone.now() + timedelta(seconds=seconds)
        PacingGrant.objects.create(organisation=organisation, holder=holder, live=False, slots=slots, until=until)
    assert queue_health.look().connections == Connections(processes=2, slots=3, organisations=1)


def test_organisations_held_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_health, "MOST_HELD", 2)
    for minutes in (-1, 5, 3):
        Organisation.objects.create(name=f"{minutes}.test", backoff_until=Now() + timedelta(minutes=minutes))
    Organisation.objects.create(name="paused.test", paused_at=Now())
    health = queue_health.look()
    assert (health.held, [each.name for each in health.held_ones]) == (3, ["3.test", "5.test"])


def test_failed_tasks_are_counted_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_health, "MOST_FAILURES", 2)
    monkeypatch.setattr(queue_health, "COUNTED_FAILURES", 3)
    failed(4)
    health = queue_health.look()
    assert (health.failed, len(health.failures), Failure.objects.count()) == (3, 2, 4)


def test_queues_tell_of_themselves() -> None:
    tell("two", workers=3)
    tell("one")
    health = queue_health.look()
    assert health.clusters == [Cluster("one", 7, "Idle", 4, NOON, 0), Cluster("two", 7, "Idle", 3, NOON, 0)]
    assert health.workers == 7


def test_what_another_secret_signed_is_no_news() -> None:
    tell()
    (key,) = cache.get(Conf.Q_STAT)
    cache.set(key, cache.get(key)[:-1] + "x", 3)
    assert queue_health.clusters() == []


def test_processes_are_those_connected_to_this_database() -> None:
    health = queue_health.look()
    parts = [process.part for process in health.processes]
    assert "portal-command" in parts  # ourselves
    assert (health.is_alive("command"), health.is_alive("sweeper")) == (True, False)
