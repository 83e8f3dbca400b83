"""Big downloads: asked for once, prepared by the queue, told of, gone after some days."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from django.core import mail
from django.db.models import F
from django.db.models.functions import Now
from django_q.models import OrmQ
from pytest_django import Settings

from accounts.models import OutgoingMail, Role
from tests.factories import make_account, make_member
from tests.verification.factories import finish, make_list, owner_of
from verification import tasks
from verification.domain import erasures, export_kinds, jobs, prepared
from verification.domain.row_filter import EVERYTHING, Chosen, RowFilter
from verification.domain.sweeper import Sweeper
from verification.models import Job, PreparedFile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("commits_at_once")]
GOOD = Chosen(RowFilter.OK)


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.RUN_DIR = settings.UPLOADS = tmp_path
    settings.EXPORTS = tmp_path / "exports"
    return tmp_path / "exports"


@pytest.fixture
def job() -> Job:
    return finish(make_list("email\njane@ok.test\njoe@ok.test\n", account=make_account("Ada & Co")))


def ask(job: Job, kind: str = "xlsx", chosen: Chosen = EVERYTHING) -> PreparedFile:
    return prepared.ask(job=job, kind=kind, chosen=chosen, user=owner_of(job.account))


def bells() -> list[str]:
    return [str(bell.func()) for bell in OrmQ.objects.all()]  # type: ignore[no-untyped-call]  # of django-q2


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_file_is_prepared_and_told_of(job: Job, folder: Path) -> None:
    asked = ask(job)
    assert bells().count("verification.tasks.prepare_exports") == 1

    tasks.prepare_exports()
    asked.refresh_from_db()
    assert (asked.state, asked.size, asked.done, asked.fault) == ("ready", asked.path.stat().st_size, 2, "")
    assert asked.path.read_bytes() == b"".join(export_kinds.pieces(job=job, kind="xlsx"))
    assert (asked.path.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    with ZipFile(io.BytesIO(asked.path.read_bytes())) as book:
        assert b"joe@ok.test" in book.read("xl/worksheets/sheet1.xml")

    tasks.send_mail()
    (message,) = mail.outbox
    assert (message.to, message.subject) == ([owner_of(job.account).email], "Your download of customers.csv is ready")
    assert "The XLSX file of customers.csv (Ada & Co) that you asked for is ready:" in str(message.body)
    assert f"/a/{job.account.slug}/jobs/{job.pk}" in str(message.body)
    assert f"/a/{job.account.slug}/jobs/{job.pk}" in str(message.message())


def test_asking_twice_prepares_one(job: Job, folder: Path) -> None:
    first = ask(job)
    assert ask(job) == first
    tasks.prepare_exports()
    assert ask(job) == first
    other = ask(job, chosen=GOOD)
    assert (other != first, PreparedFile.objects.count(), len(files_in(folder))) == (True, 2, 1)


def test_what_has_changed_since_is_prepared_anew(job: Job, folder: Path) -> None:
    first = ask(job, "csv")
    tasks.prepare_exports()
    Job.objects.filter(pk=job.pk).update(event_seq=F("event_seq") + 1)
    job.refresh_from_db()

    again = ask(job, "csv")
    assert (again != first, again.state, files_in(folder)) == (True, "waiting", [])
    tasks.prepare_exports()
    assert prepared.is_fresh(PreparedFile.objects.get(), job) is True


def test_rows_that_were_chosen(job: Job) -> None:
    chosen = Chosen(RowFilter.OK, provider="other", text="joe")
    asked = ask(job, "csv", chosen)
    assert Chosen.from_dict(asked.choice) == chosen
    tasks.prepare_exports()
    asked.refresh_from_db()
    assert asked.path.read_bytes().count(b"@ok.test") == 2  # joe, twice in his row


def test_an_account_has_so_many_under_way(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST_WAITING", 1)
    ask(job)
    with pytest.raises(prepared.TooManyWaiting) as refused:
        ask(job, chosen=GOOD)
    assert str(refused.value) == "1 files are being prepared already. Please wait until one is ready."


def test_an_account_keeps_so_many(job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST_KEPT", 2)
    for kind in (RowFilter.ALL, RowFilter.OK, RowFilter.BAD):
        ask(job, "csv", Chosen(kind))
        tasks.prepare_exports()
    kept = PreparedFile.objects.order_by("asked_at")
    assert [file.choice["kind"] for file in kept] == ["Ok", "Bad"]
    assert files_in(folder) == sorted(file.path for file in kept)


def test_more_rows_than_a_sheet_holds(job: Job) -> None:
    job.total = 1_048_576
    with pytest.raises(export_kinds.TooManyRows):
        ask(job)
    assert not PreparedFile.objects.exists()


def test_who_was_overtaken_offers_nothing(job: Job, folder: Path) -> None:
    ask(job)
    mine = prepared.claim()
    assert mine is not None
    assert prepared.claim() is None
    PreparedFile.objects.update(lease_until=Now() - timedelta(seconds=1))
    theirs = prepared.claim()
    assert theirs is not None
    prepared.prepare(mine)
    assert (PreparedFile.objects.get().state, files_in(folder)) == ("waiting", [])
    prepared.prepare(theirs)
    assert (PreparedFile.objects.get().state, files_in(folder)) == ("ready", [theirs.path])


def test_what_fails_three_times_is_given_up(job: Job) -> None:
    ask(job)
    PreparedFile.objects.update(attempts=3)
    assert prepared.are_due()
    tasks.prepare_exports()
    file = PreparedFile.objects.get()
    assert (file.state, file.fault) == ("failed", prepared.GIVEN_UP)
    assert ask(job) != file


def test_the_sweeper_rings_for_what_nobody_prepares(job: Job) -> None:
    ask(job)
    OrmQ.objects.all().delete()
    Sweeper().ask_for_exports()
    assert bells() == ["verification.tasks.prepare_exports"]
    prepared.claim()
    assert prepared.are_due() is False


def test_what_another_machine_was_asked_for_is_left_to_it_for_an_hour(job: Job) -> None:
    ask(job)
    PreparedFile.objects.update(machine="elsewhere")
    assert (prepared.are_due(), prepared.claim()) == (False, None)
    PreparedFile.objects.update(asked_at=Now() - timedelta(hours=2))
    assert prepared.are_due()
    assert prepared.claim() is not None


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    assert os.system(f"mount -t tmpfs -o size=4k tmpfs {folder}") == 0
    yield
    assert os.system(f"umount {folder}") == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_is_told(job: Job, folder: Path) -> None:
    with small_disk(folder):
        (folder / "ballast").write_bytes(b"x" * 4096)
        ask(job)
        tasks.prepare_exports()
        file = PreparedFile.objects.get()
        assert (file.state, file.fault, files_in(folder)) == ("failed", prepared.DISK_FULL, [folder / "ballast"])
    assert not OutgoingMail.objects.exists()


def test_files_go_after_a_week_and_orphans_too(job: Job, folder: Path) -> None:
    ask(job)
    tasks.prepare_exports()
    orphan = folder / "5d0e2a54-0000-4000-8000-000000000000.part"
    orphan.write_text("half")
    os.utime(orphan, (0, 0))
    Sweeper().sweep()
    assert files_in(folder) == [PreparedFile.objects.get().path]

    PreparedFile.objects.update(ready_at=Now() - timedelta(days=8))
    Sweeper().sweep()
    assert (PreparedFile.objects.count(), files_in(folder)) == (0, [])


def test_files_go_with_their_list(job: Job, folder: Path) -> None:
    ask(job)
    tasks.prepare_exports()
    ask(job, chosen=GOOD)
    mine = prepared.claim()
    assert mine is not None
    jobs.delete(job=job, actor=None)
    prepared.prepare(mine)
    assert (PreparedFile.objects.count(), files_in(folder)) == (0, [])


def test_files_go_when_a_person_is_erased(job: Job, folder: Path) -> None:
    ask(job)
    tasks.prepare_exports()
    ask(job, chosen=GOOD)
    mine = prepared.claim()
    assert mine is not None
    erasures.ask(account=job.account, email="joe@ok.test", actor=owner_of(job.account))
    Sweeper().erase()
    prepared.prepare(mine)
    assert (PreparedFile.objects.count(), files_in(folder)) == (0, [])
    again = ask(job, "csv")
    tasks.prepare_exports()
    again.refresh_from_db()
    assert b"joe@" not in again.path.read_bytes()


def test_nobody_is_told_who_may_not_have_it_any_more(job: Job) -> None:
    member = make_member(job.account, Role.MEMBER)
    prepared.ask(job=job, kind="csv", chosen=EVERYTHING, user=member)
    tasks.prepare_exports()
    member.memberships.update(role=Role.VIEWER)
    tasks.send_mail()
    assert (mail.outbox, OutgoingMail.objects.get().sent_at is not None) == ([], True)
