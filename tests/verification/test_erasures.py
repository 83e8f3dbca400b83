from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.models import Account, AuditEntry, FeatureRequest, QuotaPeriod
from tests.factories import make_account, make_key
from tests.verification.books import assert_books_agree
from tests.verification.factories import NOW, finish, give_verdict, make_job, make_list, make_upload, owner_of
from verification.domain import erasing, erasures, intake, jobs
from verification.domain.erasures import NoAddress, TooManyErasures
from verification.domain.sweeper import Sweeper
from verification.models import (
    Batch,
    Check,
    CheckResult,
    Erasure,
    Event,
    IdempotencyRecord,
    Job,
    JobStatus,
    KnownMailbox,
    Upload,
)

pytestmark = pytest.mark.django_db
JANE = "jane@ok.test"
EVIDENCE: dict[str, object] = {"attempts": [{"text": "250 jane@ok.test recipient ok"}]}


@pytest.fixture(autouse=True)
def uploads(settings: Settings, tmp_path: Path) -> Path:
    settings.UPLOADS = tmp_path
    return tmp_path


def erase(account: Account, email: str = JANE) -> Erasure:
    """Ask for an erasure, and do it as the sweeper does."""
    asked = erasures.ask(account=account, email=email, actor=owner_of(account))
    Sweeper().erase()
    asked.refresh_from_db()
    return asked


def counts(receipt: Erasure) -> tuple[int, int, int, int, int]:
    return receipt.checks, receipt.mentions, receipt.results, receipt.memories, receipt.uploads


def rows(job: Job) -> list[tuple[str, list[str] | None]]:
    return list(job.checks.order_by("position").values_list("address", "original"))


def test_a_row_of_an_ended_list() -> None:
    job = finish(make_list("name,email\nJane Doe,Jane@ok.test\nJoe,joe@ok.test\n"))
    CheckResult.objects.update(evidence=EVIDENCE, normalized=JANE)
    CheckResult.objects.filter(check_row__position=1).update(normalized="joe@ok.test")
    first = job.checks.get(position=0)
    KnownMailbox.objects.create(account=job.account, digest=bytes(32), check_row=first, checked_at=NOW)

    receipt = erase(job.account)

    assert counts(receipt) == (1, 1, 1, 1, 0)  # the mention: the list's preview
    assert rows(job) == [("(erased)", ["", ""]), ("joe@ok.test", ["Joe", "joe@ok.test"])]
    verdict = CheckResult.objects.get(check_row=first)
    assert (verdict.result, verdict.evidence, verdict.normalized) == ("Ok", {}, "")
    assert CheckResult.objects.get(check_row__position=1).evidence == EVIDENCE
    assert not KnownMailbox.objects.exists()
    assert job.upload is not None
    assert Upload.objects.get().sample == [["", ""], ["Joe", "joe@ok.test"]]
    job.refresh_from_db()
    assert (job.total, job.decided, job.cancelled) == (2, 2, 0)


def test_single_checks_and_other_spellings() -> None:
    account = make_account()
    for address in ("j.doe@gmail.com", "JDoe+x@googlemail.com", "joe@gmail.com"):
        give_verdict(Check.objects.create(account=account, address=address, domain=address.split("@")[1]))
    assert counts(erase(account, "jdoe@gmail.com")) == (2, 0, 2, 0, 0)
    left = Check.objects.order_by("pk").values_list("address", "domain")
    assert list(left) == [("(erased)", ""), ("(erased)", ""), ("joe@gmail.com", "gmail.com")]


def test_mentions_in_other_rows() -> None:
    account = make_account()
    job = finish(
        make_list("email,boss\njoe@ok.test,Jane <jane@ok.test>\njim@ok.test,mary.jane@ok.test\n", account=account)
    )
    CheckResult.objects.filter(check_row__position=0).update(did_you_mean=JANE)
    assert counts(erase(account)) == (0, 2, 0, 0, 0)
    assert rows(job) == [
        ("joe@ok.test", ["joe@ok.test", "(erased)"]),
        ("jim@ok.test", ["jim@ok.test", "mary.jane@ok.test"]),
    ]
    assert CheckResult.objects.get(check_row__position=0).did_you_mean == ""


def test_duplicates_and_rows_that_are_no_address() -> None:
    job = finish(make_list('email\njane@ok.test\nJANE@ok.test\n"jane@ok.test,"\njoe@ok.test\n'))
    assert erase(job.account).checks == 3
    assert [address for address, _ in rows(job)] == ["(erased)", "(erased)", "(erased)", "joe@ok.test"]


@pytest.mark.parametrize("status", [JobStatus.RUNNING, JobStatus.PAUSED])
def test_a_row_that_waits_is_taken_out(status: JobStatus) -> None:
    job = make_job([JANE, "joe@ok.test"])
    leased = {"token": "9c1b5bd0-6d2b-4f0e-9d0c-0a4b0f0c0001", "lease_until": Now() + timedelta(seconds=9)}
    Batch.objects.update(**leased)
    Job.objects.filter(pk=job.pk).update(status=status)

    erase(job.account)

    joe = job.checks.get(address="joe@ok.test")
    batch = Batch.objects.get()
    assert (batch.check_ids, batch.token) == ([joe.pk], None)
    job.refresh_from_db()
    assert (job.status, job.waiting, job.cancelled) == (status, 1, 1)
    assert QuotaPeriod.objects.get(account=job.account).reserved == 1
    assert_books_agree(job)


def test_the_last_row_that_waits_ends_its_job() -> None:
    job = make_job([JANE])
    give_verdict(job.checks.get(), final=False)
    erase(job.account)
    job.refresh_from_db()
    assert (job.status, job.waiting, job.cancelled, job.finished_at is not None) == (JobStatus.FINISHED, 0, 1, True)
    assert not Batch.objects.exists()
    assert not CheckResult.objects.exists()
    assert list(Event.objects.values_list("sub_type", flat=True))[-1] == "PROCESSING_FINISHED"
    assert_books_agree(job)


def test_a_list_that_is_read_is_waited_for() -> None:
    upload = make_upload("email\njane@ok.test\n")
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW)
    asked = erase(job.account)
    assert (asked.done_at, asked.address) == (None, JANE)

    intake.read_list(job_id=job.pk)
    Sweeper().erase()
    asked.refresh_from_db()
    assert asked.done_at is None  # not yet due again
    Erasure.objects.update(due_at=Now())
    Sweeper().erase()
    asked.refresh_from_db()
    assert (asked.checks, asked.done_at is not None) == (1, True)


def test_rows_of_a_list_that_is_read_are_let_be() -> None:
    """They are asked about: a blank one would get a wrong verdict."""
    job = make_list("email\njane@ok.test\n")
    Job.objects.filter(pk=job.pk).update(is_reading=True, status=JobStatus.PARSING)
    assert erase(job.account).checks == 0
    assert rows(job) == [(JANE, [JANE])]


@pytest.mark.parametrize(
    "content", ["email\nJane@ok.test\n", "email\n" + "joe@ok.test\n" * 100 + '"Jane <jane@ok.test>"\n']
)
def test_a_list_that_waits_to_be_started_goes_as_a_whole(content: str, uploads: Path) -> None:
    upload, other = make_upload(content), make_upload("email\njoe@ok.test\n")
    assert counts(erase(upload.account)) == (0, 0, 0, 0, 1)
    assert list(Upload.objects.all()) == [other]
    assert [path.name for path in uploads.iterdir()] == [str(other.pk)]


def test_names_columns_and_notes() -> None:
    account = make_account()
    job = finish(make_job(["joe@ok.test"], account=account))
    Job.objects.filter(pk=job.pk).update(name="jane@ok.test.csv", campaign_id=JANE, columns=["email", JANE])
    FeatureRequest.objects.create(account=account, feature="uploads", note=f"for {JANE}", created_at=NOW)
    assert counts(erase(account)) == (0, 4, 0, 0, 0)
    job.refresh_from_db()
    assert (job.name, job.campaign_id, job.columns) == ("(erased)", "(erased)", ["email", "(erased)"])
    assert FeatureRequest.objects.get().note == "(erased)"


def test_answers_kept_to_be_given_again() -> None:
    account = make_account()
    for number, email in enumerate((JANE, "joe@ok.test")):
        IdempotencyRecord.objects.create(
            account=account,
            key_digest=bytes([number]),
            body_digest=b"",
            lease_until=Now(),
            status=200,
            answer=f'{{"email": "{email}", "list": [{{"a": "b"}}]}}',
        )
    assert erase(account).memories == 1
    assert list(IdempotencyRecord.objects.values_list("key_digest", flat=True)) == [bytes([1])]


def test_a_strangers_data_is_not_touched() -> None:
    ours, theirs = (finish(make_list("email\njane@ok.test\n")) for _ in range(2))
    live = Check.objects.create(account=theirs.account, address=JANE)
    erase(ours.account)
    assert rows(theirs) == [(JANE, [JANE])]
    live.refresh_from_db()
    assert live.address == JANE


def test_the_receipt_keeps_only_a_hash() -> None:
    account = make_account()
    receipt = erase(account, "Jane <Jane@OK.test>")
    assert (receipt.address, len(receipt.hash), receipt.requested_by) == ("", 64, owner_of(account))
    again = erasures.ask(account=account, email=JANE, actor=None)
    assert (again.pk == receipt.pk, again.hash == receipt.hash) == (False, True)
    assert erasures.ask(account=make_account(), email=JANE, actor=None).hash != receipt.hash
    entries = AuditEntry.objects.filter(account=account, action__startswith="erasure.").order_by("pk")
    assert [(entry.action, entry.actor_label) for entry in entries][:2] == [
        ("erasure.asked", owner_of(account).email),
        ("erasure.done", "system"),
    ]
    assert not [entry for entry in AuditEntry.objects.values_list() if JANE in repr(entry)]


def test_by_a_key() -> None:
    key, _ = make_key()
    asked = erasures.ask(account=key.account, email=JANE, actor=None, key=key)
    assert (asked.key, asked.requested_by) == (key, None)
    assert AuditEntry.objects.get(action="erasure.asked").reason == f"by the key {key.prefix}…"


def test_one_at_a_time_for_each_address() -> None:
    account = make_account()
    first = erasures.ask(account=account, email=JANE, actor=None)
    assert erasures.ask(account=account, email="JANE@ok.test", actor=None) == first
    erase(account)
    assert erasures.ask(account=account, email=JANE, actor=None) != first


def test_so_many_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "MOST_OPEN", 2)
    account = make_account()
    for number in range(2):
        erasures.ask(account=account, email=f"user{number}@ok.test", actor=None)
    with pytest.raises(TooManyErasures):
        erasures.ask(account=account, email="user2@ok.test", actor=None)
    erasures.ask(account=make_account(), email="user2@ok.test", actor=None)


@pytest.mark.parametrize("email", ["", "jane", "a" * 65 + "@ok.test", f"jane@{'a.' * 130}test", "jane@ok.test\0"])
def test_what_is_no_address(email: str) -> None:
    with pytest.raises(NoAddress):
        erasures.ask(account=make_account(), email=email, actor=None)


def test_a_job_that_goes_meanwhile() -> None:
    job = make_job([JANE])
    jobs.delete(job=job, actor=None)
    assert erase(job.account).checks == 1


def test_many_small_jobs_and_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "BLOCK_ROWS", 10)
    account = make_account()
    for number in range(5):
        finish(make_job([JANE if number % 2 else "joe@ok.test"], account=account))
    finish(make_list("email\n" + "".join(f"user{n}@ok.test\n" for n in range(25)) + "jane@ok.test\n", account=account))
    for number in range(25):
        Check.objects.create(account=account, address=JANE if number in (9, 10, 24) else "joe@ok.test")
    assert erase(account).checks == 6
    assert not Check.objects.filter(address=JANE).exists()
