"""From an uploaded list to checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from django_q.models import OrmQ
from pytest_django import Settings

from accounts.domain import quota
from accounts.domain.config import FeatureDisabled
from accounts.models import AccountConfig, Reservation
from tests.factories import make_account
from tests.verification.books import assert_books_agree
from tests.verification.factories import NOW, make_list, make_upload, owner_of
from verification.domain import intake
from verification.models import Check, CheckResult, Job, JobStatus, Upload

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def uploads(settings: Settings, tmp_path: Path) -> Path:
    settings.UPLOADS = tmp_path
    return tmp_path


def start(upload: Upload, column: int = 0) -> Job:
    return intake.start_list(upload=upload, address_column=column, user=owner_of(upload.account), now=NOW)


def test_a_list_becomes_checks_with_their_original_rows(uploads: Path) -> None:
    job = make_list('name,email\n"Doe, Jane",jane@ok.test\nNobody,\nJane again,jane@OK.test\nJoe,joe@ok.test,more\n')

    rows = Check.objects.filter(job=job).order_by("position")
    assert [(row.position, row.address, row.classifier, row.original) for row in rows] == [
        (0, "jane@ok.test", "", ["Doe, Jane", "jane@ok.test"]),
        (1, "", "INVALID_FORMAT", ["Nobody", ""]),
        (2, "jane@OK.test", "DUPLICATE", ["Jane again", "jane@OK.test"]),
        (3, "joe@ok.test", "", ["Joe", "joe@ok.test", "more"]),
    ]
    assert (job.total, job.waiting, job.refused, job.duplicate) == (4, 2, 1, 1)
    assert CheckResult.objects.get(job=job).reason == "AtSignNotFound"
    assert list(uploads.iterdir()) == []
    assert_books_agree(job)


def test_the_surplus_of_the_reservation_comes_back() -> None:
    account = make_account(monthly_quota=10)
    job = start(make_upload("email\na@ok.test\na@ok.test\nnobody\n", account=account))
    assert quota.left(account_id=account.pk) == 7

    intake.read_list(job_id=job.pk)

    assert quota.left(account_id=account.pk) == 9
    assert Reservation.objects.get(reference=f"job:{job.pk}").open == 1


def test_starting_twice_gives_the_same_job() -> None:
    upload = make_upload()

    assert start(upload, 1).pk == start(upload, 1).pk
    assert Job.objects.count() == 1
    assert [bell.task["func"] for bell in OrmQ.objects.all()] == ["verification.tasks.read_list"]


def test_reading_twice_changes_nothing() -> None:
    job = make_list("email\njane@ok.test\n")

    intake.read_list(job_id=job.pk)

    assert_books_agree(job)
    assert job.total == 1


def test_a_list_over_the_quota_is_not_started() -> None:
    upload = make_upload(account=make_account(monthly_quota=1))

    with pytest.raises(quota.QuotaExceeded, match="Quota of 1 left, 2 needed"):
        start(upload)

    assert not Job.objects.exists()
    assert upload.path.exists()


def test_a_list_is_not_started_once_uploads_are_off() -> None:
    upload = make_upload()
    AccountConfig.objects.filter(account=upload.account).update(uploads=False)

    with pytest.raises(FeatureDisabled):
        start(upload)


def test_a_list_over_a_lowered_limit_is_not_started() -> None:
    upload = make_upload()
    AccountConfig.objects.filter(account=upload.account).update(rows_per_upload=1)

    with pytest.raises(intake.TooManyRows):
        start(upload)


def test_a_file_that_vanished_ends_the_job_and_costs_nothing() -> None:
    account = make_account(monthly_quota=10)
    job = start(make_upload(account=account), 1)
    assert job.upload is not None
    job.upload.path.unlink()

    intake.read_list(job_id=job.pk)

    job.refresh_from_db()
    assert (job.status, job.fault, job.total) == (JobStatus.CANCELLED, "The uploaded file is gone.", 0)
    assert quota.left(account_id=account.pk) == 10
