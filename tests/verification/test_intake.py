from __future__ import annotations

import pytest

from accounts.domain.config import FeatureDisabled
from accounts.domain.quota import QuotaExceeded
from accounts.models import Account, KeyKind, QuotaPeriod, Reservation
from tests.factories import make_account, make_key
from tests.verification.books import assert_books_agree
from tests.verification.factories import NOW, make_job
from verification.domain import intake
from verification.domain.intake import Recipient, Taken
from verification.models import Batch, Check, CheckResult, Job, JobStatus

pytestmark = pytest.mark.django_db


def accept(emails: list[str], account: Account | None = None) -> intake.Accepted:
    account = account or make_account()
    recipients = [Recipient(0, index, email) for index, email in enumerate(emails)]
    return intake.accept_recipients(account=account, key=make_key(account)[0], recipients=recipients, now=NOW)


def test_every_row_is_taken_refused_or_a_duplicate() -> None:
    accepted = accept(["Jane <jane@OK.test>", "no-at-sign", "jane@ok.test", "joe@ok.test", "a@b@ok.test"])

    assert accepted.rows == [
        Taken(0, 0, "jane@OK.test", ""),
        Taken(0, 1, "no-at-sign", "INVALID_FORMAT"),
        Taken(0, 2, "jane@ok.test", "DUPLICATE"),
        Taken(0, 3, "joe@ok.test", ""),
        Taken(0, 4, "a@b@ok.test", "INVALID_FORMAT"),
    ]
    job = accepted.job
    assert (job.status, job.total, job.waiting, job.refused, job.duplicate) == (JobStatus.RUNNING, 5, 2, 2, 1)
    assert Check.objects.get(job=job, position=2).duplicate_of == 0
    assert_books_agree(job)


def test_refused_rows_get_their_verdict_at_once_and_free() -> None:
    job = accept(["no-at-sign", "a@b@ok.test", "a..b@ok.test", "user@-x-"]).job

    rows = CheckResult.objects.filter(job=job).order_by("check_row__position")
    assert [(row.result, row.reason, row.blame, row.charged) for row in rows] == [
        ("Bad", "AtSignNotFound", "address", False),
        ("Bad", "TooManyAtSignsFound", "address", False),
        ("Bad", "MailboxDoesNotExist", "address", False),
        ("Bad", "DomainIsInexistent", "address", False),
    ]
    assert job.status == JobStatus.FINISHED
    assert not Reservation.objects.exists()


def test_batches_follow_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_SIZE", 2)
    job = make_job(["a@two.test", "b@one.test", "c@two.test", "d@one.test", "e@one.test"])

    address = dict(Check.objects.values_list("pk", "address"))
    batches = [[address[pk] for pk in ids] for ids in job.batches.order_by("pk").values_list("check_ids", flat=True)]
    assert batches == [["b@one.test", "d@one.test"], ["e@one.test", "a@two.test"], ["c@two.test"]]


def test_a_request_over_the_quota_keeps_nothing() -> None:
    account = make_account(monthly_quota=1)

    with pytest.raises(QuotaExceeded) as refusal:
        accept(["a@ok.test", "b@ok.test"], account)

    assert (refusal.value.left, refusal.value.needed) == (1, 2)
    assert not Job.objects.exists()
    assert not Check.objects.exists()


def test_a_sandbox_job_reserves_nothing() -> None:
    key, _ = make_key(kind=KeyKind.SANDBOX)
    job = make_job(["a@ok.test"], key=key)

    assert job.sandbox
    assert not Reservation.objects.exists()
    assert not QuotaPeriod.objects.filter(reserved__gt=0).exists()


def test_a_switched_off_feature_is_refused() -> None:
    with pytest.raises(FeatureDisabled):
        accept(["a@ok.test"], make_account(job_requests=False))


def test_more_rows_than_the_config_allows_are_refused() -> None:
    with pytest.raises(intake.TooManyRows, match=r"2 rows; this account may hand in 1 at once\."):
        accept(["a@ok.test", "b@ok.test"], make_account(addresses_per_job=1))


def test_a_suspended_account_is_refused() -> None:
    with pytest.raises(intake.AccountInactive):
        accept(["a@ok.test"], make_account(status=Account.Status.SUSPENDED))


@pytest.mark.parametrize("email", ["nul\0@ok.test", "lone\ud800@ok.test", "\x07" * 50 + "@ok.test", "x" * 1_000_000])
def test_any_text_can_be_stored(email: str) -> None:
    job = accept([email, "b@ok.test"]).job

    assert (job.refused, job.waiting) == (1, 1)


def test_a_job_of_nothing_but_faults_is_finished_at_once() -> None:
    job = accept(["nobody"]).job

    assert (job.status, job.finished_at is not None) == (JobStatus.FINISHED, True)
    assert not Batch.objects.exists()
    assert_books_agree(job)
