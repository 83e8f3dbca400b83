"""kill -9 at each place that matters, then somebody else goes on: nothing lost, nothing doubled, books agree."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Now
from django_q.models import OrmQ
from pytest_django import Settings

from accounts.models import Account, QuotaPeriod, Reservation
from tests.chaos import victims
from tests.chaos.victims import Circumstances
from tests.factories import make_account, make_key
from tests.verification.books import assert_books_agree, assert_feed_is_gapless
from tests.verification.factories import NOW, finish, make_job, make_list, make_upload, owner_of
from verification.domain import erasures, export_kinds, failpoints, intake, jobs, prepared, retention, sweeper
from verification.domain.row_filter import EVERYTHING
from verification.domain.silence import UNREAD
from verification.models import Batch, Check, CheckResult, Job, JobStatus, PreparedFile, Upload

pytestmark = pytest.mark.django_db(transaction=True)
KILLED = -signal.SIGKILL

ADDRESSES = [
    *(f"user{n}@bulk-{n % 5}.test" for n in range(20)),
    *(f"missing{n}@ok.test" for n in range(5)),
    *(f"jane{n}@catchall.test" for n in range(5)),
    *("slow@ok.test", "nobody", "user1@bulk-1.test"),
]
EXPECTED = {
    ("Ok", "Success", "none", True): 21,
    ("Bad", "MailboxDoesNotExist", "address", True): 5,
    ("Unverifiable", "ServerIsCatchAll", "their_policy", True): 5,
    ("Bad", "AtSignNotFound", "address", False): 1,
}
IN_A_LIST = [
    *("intake_copied", "intake_copied:1", "list_piece_cut", "list_piece_cut:2", "list_piece_cut:4"),
    *("intake_before_commit", "intake_before_commit:1", "intake_before_commit:4"),
    *("list_piece_committed", "list_piece_committed:3", "bell_before_ring"),
]
IN_A_DRAIN = [
    *("claim_before_commit", "claim_committed", "after_smtp_before_commit", "after_smtp_before_commit:1"),
    *("flush_locked", "flush_locked:1", "flush_results_written", "flush_counted", "flush_settled"),
    *("flush_committed", "flush_committed:1", "job_finished_before_commit", "renewed"),
]


def die(task: Callable[..., object], circumstances: Circumstances, place: str, *arguments: object) -> None:
    """Let a victim do something, and see that it died at a failpoint."""
    armed = replace(circumstances, settings=circumstances.settings | {"FAILPOINT": place}, lease_seconds=0.2)
    assert victims.run(task, armed, *arguments) == KILLED


def work_off(circumstances: Circumstances) -> None:
    """What the sweeper and another drain do after a death."""
    for _ in range(4):
        expire()
        if not Batch.objects.exists():
            return
        assert victims.run(victims.drain_from_table, circumstances) == 0


def expire() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE verification_batch SET lease_until = now() WHERE token IS NOT NULL")
    sweeper.expire_leases()


def wait_until_unread() -> None:
    """Wait until Postgres has noticed that a list's reader is gone, and has let go its lock."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(UNREAD)
            if cursor.fetchone() or not Job.objects.filter(is_reading=True).exists():
                return
        time.sleep(0.01)
    raise AssertionError("the lock of a dead reader stays")


def assert_done(job: Job) -> None:
    job.refresh_from_db()
    rows = CheckResult.objects.filter(job=job).values_list("result", "reason", "blame", "charged")
    found = {row: list(rows).count(row) for row in set(rows)}
    assert found == EXPECTED
    assert (job.status, job.waiting, job.refused, job.duplicate) == (JobStatus.FINISHED, 0, 1, 1)
    assert not Batch.objects.exists()
    assert_books_agree(job)


@pytest.mark.parametrize("place", IN_A_DRAIN)
def test_killed_in_a_drain(circumstances: Circumstances, place: str) -> None:
    job = make_job(ADDRESSES)

    die(victims.drain_from_table, circumstances, place)
    work_off(circumstances)

    assert_done(job)


def test_killed_while_giving_back(circumstances: Circumstances) -> None:
    job = make_job(ADDRESSES)

    die(victims.drain_and_stop, circumstances, "release_before_commit")
    work_off(circumstances)

    assert_done(job)


@pytest.mark.parametrize("place", ["intake_copied", "intake_before_commit"])
def test_killed_in_intake_of_a_request_nothing_is_kept(circumstances: Circumstances, place: str) -> None:
    account = make_account()
    die(victims.accept, circumstances, place, account.pk, make_key(account)[0].pk, ADDRESSES)

    assert Job.objects.count() == 0
    assert not QuotaPeriod.objects.filter(reserved__gt=0).exists()
    job = make_job(ADDRESSES, account=account)  # the client tries again
    work_off(circumstances)
    assert_done(job)


def test_killed_before_the_bell_the_sweeper_rings(circumstances: Circumstances) -> None:
    account = make_account()
    die(victims.accept, circumstances, "bell_before_ring", account.pk, make_key(account)[0].pk, ADDRESSES)
    assert OrmQ.objects.count() == 0

    sweeper.Sweeper().sweep()

    assert OrmQ.objects.count() == 1
    work_off(circumstances)
    assert_done(Job.objects.get())


@pytest.mark.parametrize("place", ["intake_copied", "intake_before_commit", "list_before_unlink", "bell_before_ring"])
def test_killed_while_a_list_is_read(circumstances: Circumstances, place: str) -> None:
    upload = make_upload("email\n" + "\n".join(ADDRESSES) + "\n")
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW)

    die(victims.read_list, circumstances, place, str(job.pk))
    wait_until_unread()
    intake.read_list(job_id=job.pk)  # the sweeper asks again
    work_off(circumstances)

    assert_done(job)


@pytest.mark.parametrize("place", IN_A_LIST)
def test_killed_between_or_inside_the_pieces_of_a_list(circumstances: Circumstances, place: str) -> None:
    upload = make_upload("email\n" + "\n".join(ADDRESSES) + "\n")
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW)
    in_pieces = replace(circumstances, piece_rows=8)

    die(victims.read_list, in_pieces, place, str(job.pk))
    work_off(circumstances)  # a drain works on what there is
    job.refresh_from_db()
    assert job.status == JobStatus.PARSING
    assert_feed_is_gapless(job)
    wait_until_unread()
    assert victims.run(victims.read_list, in_pieces, str(job.pk)) == 0  # the sweeper asks again
    work_off(circumstances)

    assert_done(job)
    assert list(job.checks.order_by("position").values_list("address", flat=True)) == ADDRESSES


@pytest.mark.parametrize("place", ["flush_counted", "flush_committed:1", "claim_committed"])
def test_a_drain_is_killed_while_a_list_is_read(circumstances: Circumstances, place: str) -> None:
    upload = make_upload("email\n" + "\n".join(ADDRESSES) + "\n")
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW)
    in_pieces = replace(circumstances, piece_rows=1)
    die(victims.read_list, in_pieces, "list_piece_committed:2", str(job.pk))

    wait_until_unread()
    reader = victims.start(victims.read_list, in_pieces, str(job.pk))
    die(victims.drain_from_table, circumstances, place)
    reader.join(30)
    assert reader.exitcode == 0
    work_off(circumstances)

    assert_done(job)


def test_a_file_that_outlived_its_list_goes_after_a_day(circumstances: Circumstances) -> None:
    upload = make_upload("email\njane@ok.test\n")
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW)
    die(victims.read_list, circumstances, "list_before_unlink", str(job.pk))
    assert upload.path.exists()

    age(upload.path)
    sweeper.remove_orphan_files()

    assert not upload.path.exists()


def age(path: Path) -> None:
    day_ago = time.time() - 25 * 3600
    os.utime(path, (day_ago, day_ago))


@pytest.mark.parametrize("place", ["expiry_before_split", "poison_claimed", "flush_counted"])
def test_killed_while_sweeping(circumstances: Circumstances, place: str) -> None:
    job = make_job(["jane@ok.test"])
    Batch.objects.update(alone=True, attempts=3)

    die(victims.sweep, circumstances, place)
    expire()
    sweeper.Sweeper().sweep()

    verdict = CheckResult.objects.get()
    assert (verdict.result, verdict.reason, verdict.blame, verdict.charged) == (
        *("Unverifiable", "Unknown", "our_fault"),
        False,
    )
    assert_books_agree(job)


@pytest.mark.parametrize(("place", "used"), [("live_admitted", 0), ("live_before_settle", 0), ("live_settled", 1)])
def test_killed_in_a_live_call(circumstances: Circumstances, place: str, used: int) -> None:
    account = make_account()

    die(victims.check_live, circumstances, place, make_key(account)[1])
    Reservation.objects.update(expires_at=Now() - timedelta(seconds=1))
    sweeper.Sweeper().sweep()

    assert money(account) == (used, 0)
    assert CheckResult.objects.filter(account=account).count() == used


def money(account: Account) -> tuple[int, int]:
    period = QuotaPeriod.objects.get(account=account)
    return period.used, period.reserved


@pytest.mark.parametrize("place", ["export_written", "export_before_offer"])
def test_killed_while_preparing_a_download(circumstances: Circumstances, settings: Settings, place: str) -> None:
    settings.EXPORTS = circumstances.run_dir / "exports"
    job = finish(make_job(["jane@ok.test", "joe@ok.test"]))
    file = prepared.ask(job=job, kind="csv", chosen=EVERYTHING, user=owner_of(job.account))
    own = replace(circumstances, settings=circumstances.settings | {"EXPORTS": settings.EXPORTS})

    die(victims.prepare_exports, own, place)
    file.refresh_from_db()
    assert (file.state, file.attempts, len(list(settings.EXPORTS.iterdir()))) == ("waiting", 1, 1)
    PreparedFile.objects.update(lease_until=Now())
    assert prepared.are_due()
    assert victims.run(victims.prepare_exports, own) == 0

    file.refresh_from_db()
    assert (file.state, file.attempts) == ("ready", 2)
    assert file.path.read_bytes() == b"".join(export_kinds.pieces(job=job, kind="csv"))
    for left in settings.EXPORTS.iterdir():
        os.utime(left, (0, 0))
    prepared.remove_orphans()
    assert list(settings.EXPORTS.iterdir()) == [file.path]


@pytest.mark.parametrize("place", ["block_before_commit", "block_before_commit:1", "list_before_unlink"])
def test_killed_while_deleting(circumstances: Circumstances, place: str) -> None:
    job = finish(make_list("email\n" + "".join(f"user{n}@ok.test\n" for n in range(30))))
    assert job.upload is not None
    jobs.delete(job=job, actor=None)

    die(victims.delete_in_blocks_of_10, circumstances, place)
    assert not Job.objects.of(job.account).exists()
    while retention.delete_block():
        pass

    assert not Job.objects.exists()
    assert not Check.objects.exists()
    assert not Upload.objects.exists()


@pytest.mark.parametrize("place", ["erased_before_commit", "erased_before_commit:2", "erased_before_commit:4"])
def test_killed_while_erasing(circumstances: Circumstances, place: str) -> None:
    addresses = [f"user{n}@ok.test" for n in range(45)]
    job = make_job([*addresses, "jane@ok.test"])
    addresses[30] = "Jane <jane@ok.test>"
    finish(make_list("email\n" + "\n".join(addresses), account=job.account))
    asked = erasures.ask(account=job.account, email="jane@ok.test", actor=None)

    die(victims.erase_in_blocks_of_10, circumstances, place)
    for _ in erasures.proceed():
        pass

    asked.refresh_from_db()
    assert (asked.checks, asked.results, asked.address) == (2, 1, "")
    assert not Check.objects.filter(address__contains="jane").exists()
    job.refresh_from_db()
    assert (job.waiting, job.cancelled, Reservation.objects.get(reference=f"job:{job.pk}").open) == (45, 1, 45)


def test_every_place_is_tried() -> None:
    here = Path(__file__).read_text()
    assert [place for place in failpoints.PLACES if f'"{place}"' not in here] == []


def test_without_being_asked_nobody_dies() -> None:
    failpoints.failpoint("flush_locked")
