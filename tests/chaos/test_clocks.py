"""Leases, due times and periods go by the database's clock, time-outs by the monotonic one: the wall clock may jump."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests.chaos import victims
from tests.chaos.victims import Circumstances
from tests.verification.books import assert_books_agree
from tests.verification.factories import make_job
from verification.models import Batch, CheckResult, JobStatus

WALL_CLOCK = re.compile(r"\b(?:datetime\.now|datetime\.today|date\.today|utcnow|timezone\.now|time\.time(?:_ns)?)\(")
MAY_READ_IT = {
    "verification/domain/sweeper.py",  # the age of a file, whose time is the wall clock's
    "verification/domain/prepared.py",  # likewise
    "verification/domain/doctor/inside.py",  # how far this clock is from the database's
    "verification/engine/scenarios/sandbox.py",  # the date shown with a made-up probe
    "verification/domain/webhooks/sender.py",  # the time of sending, which the receiver holds against its own clock
}


def test_no_rule_reads_the_wall_clock() -> None:
    """Style, too: what people read takes `now` from the edge."""
    found = {
        str(path.relative_to(settings.BASE_DIR))
        for folder in ("accounts/domain", "verification/domain", "verification/engine")
        for path in (settings.BASE_DIR / folder).rglob("*.py")
        if WALL_CLOCK.search(path.read_text(encoding="utf-8"))
    }
    assert found - MAY_READ_IT == set()


def test_the_files_looked_at_are_there() -> None:
    assert all(Path(settings.BASE_DIR / name).exists() for name in MAY_READ_IT)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hours", [-26, 26])
def test_a_worker_s_clock_jumps(circumstances: Circumstances, hours: int) -> None:
    job = make_job([f"slow{n}@ok.test" for n in range(10)])

    assert victims.run(victims.drain_with_jumping_clock, circumstances, hours * 3600.0) == 0

    job.refresh_from_db()
    assert (job.status, job.decided) == (JobStatus.FINISHED, 10)
    assert (Batch.objects.count(), CheckResult.objects.count()) == (0, 10)
    assert_books_agree(job)
