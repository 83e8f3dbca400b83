"""Several drains of one machine work on one job: no row is lost or doubled between them."""

from __future__ import annotations

import pytest

from tests.chaos import victims
from tests.chaos.victims import Circumstances
from tests.verification.books import assert_books_agree
from tests.verification.factories import make_job
from verification.models import JobStatus

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_drains_share_a_job(circumstances: Circumstances) -> None:
    job = make_job([f"slow{n}@ok.test" for n in range(1_000)])
    several = Circumstances(
        circumstances.database, circumstances.run_dir, {"DRAINS": 2, "PROBE_CONCURRENCY": 50}, piece_rows=1_000
    )
    drains = [victims.start(victims.drain_from_table, several) for _ in range(2)]
    for process in drains:
        process.join(30)

    assert [process.exitcode for process in drains] == [0, 0]
    assert sorted(path.name for path in circumstances.run_dir.glob("*.lock")) == ["drain-2.lock", "drain.lock"]
    job.refresh_from_db()
    assert (job.status, job.decided) == (JobStatus.FINISHED, 1_000)
    assert_books_agree(job)
