"""The real queue and sweeper under the real supervisor, with shorter times: frozen, it is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now
from pytest_django import Settings

from portal import processes
from tests.factories import make_account
from tests.fixtures_mail_world import MailWorld
from tests.verification.books import assert_books_agree
from tests.verification.factories import NOW, make_job, make_upload, owner_of
from verification.domain import intake
from verification.models import Batch, Job, JobStatus

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("standstill")]
SECONDS = 40  # of 90 promised, with all times but the processes' own starts cut
SCRIPT = """
import sys
from pathlib import Path
import environ
from portal import supervisor, watch
watch.LOOK_SECONDS, supervisor.RESTART_SECONDS = 0.5, 2.0
data, watch.SILENT_SECONDS = Path(sys.argv[1]), float(sys.argv[2])
look = watch.Watch(watch.parameters(environ.Env().db("DATABASE_URL")), data / "uploads")
supervisor.Supervisor(run_dir=data / "run", parts=supervisor.standard_parts(web=False), watch=look).run()
"""
WORKERS = 4


@dataclass
class Cluster:
    """A running supervisor with queue and sweeper."""

    data: Path
    process: subprocess.Popen[bytes]

    def queue(self) -> list[int]:
        """Give the queue's processes in the order of their start: workers, monitor, pusher."""
        roster = processes.read_roster(self.data / "run")
        main = roster.parts.get("cluster") if roster else None
        return [child for sentinel in children(main) for child in sorted(children(sentinel))]

    def draining(self) -> set[int]:
        inode = str((self.data / "run" / "drain.lock").stat().st_ino)
        locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
        return {int(words[4]) for words in locks if "->" not in words and words[5].endswith(f":{inode}")}


Start = Callable[[float], Cluster]


@pytest.fixture
def start(settings: Settings, tmp_path: Path, mail_world: MailWorld) -> Iterator[Start]:
    url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
    given = {
        "DATABASE_URL": url,
        "PORTAL_DATA": str(tmp_path),
        "PROBE_PER_HOST": "1",
        "DRAINS": "1",
        "LOG_LEVEL": "WARNING",
    }
    given |= {"MAIL_WORLD_DNS": mail_world.dns, "MAIL_WORLD_SMTP_PORT": str(mail_world.smtp_port)}
    settings.UPLOADS = tmp_path / "uploads"
    (tmp_path / "run").mkdir()
    started = []

    def start(silent_seconds: float) -> Cluster:
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), str(silent_seconds)]
        process = subprocess.Popen(command, env=os.environ | given)
        started.append(process)
        cluster = Cluster(tmp_path, process)
        until(lambda: len(cluster.queue()) == WORKERS + 2)
        return cluster

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


def children(pid: int | None) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if pid and path.exists() else []


def until(holds: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_finished(job: Job) -> bool:
    job.refresh_from_db()
    return job.status == JobStatus.FINISHED


def make_slow_job(rows: int) -> Job:
    """Hand in addresses of one server that takes its time, asked over one connection."""
    return make_job([f"user{number}@slow-400.test" for number in range(rows)])


def hand_in_list() -> Job:
    upload = make_upload("email\njane@nomx-1.test\n", account=make_account())
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW)
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(seconds=6))  # its bell is counted as lost
    return job


def test_frozen_processes_hold_up_no_list_while_a_drain_goes_on(start: Start) -> None:
    cluster = start(3)
    long = make_slow_job(400)
    until(lambda: Batch.objects.exclude(token=None).exists())
    *workers, _monitor, pusher = cluster.queue()
    for frozen in {*workers, pusher} - cluster.draining():
        os.kill(frozen, signal.SIGSTOP)
    job = hand_in_list()

    until(lambda: is_finished(job))

    long.refresh_from_db()
    assert long.status == JobStatus.RUNNING
    assert Batch.objects.aggregate(all=Sum("attempts"))["all"] == 0  # the drain gave back what it had
    assert not Path(f"/proc/{pusher}").exists()


def test_told_to_stop_under_load_nothing_is_lost(start: Start) -> None:
    cluster = start(30)
    job = make_slow_job(100)
    until(lambda: Job.objects.filter(pk=job.pk, waiting__lt=100).exists())
    told = time.monotonic()
    cluster.process.terminate()
    assert cluster.process.wait(30) == 0
    assert time.monotonic() - told < 10
    assert set(Batch.objects.values_list("token", "attempts")) == {(None, 0)}
    assert_books_agree(job)

    start(30)
    until(lambda: is_finished(job))
    assert_books_agree(job)
