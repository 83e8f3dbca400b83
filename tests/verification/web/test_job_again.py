"""Checking the undecided rows of a list again, as a list of their own."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.domain import quota
from accounts.models import Account, Role
from tests.factories import make_account, make_member
from tests.verification.factories import finish, give_verdict, make_list, owner_of
from verification.engine.types import Blame, Reason, Result
from verification.models import Job, Upload

pytestmark = pytest.mark.django_db
ROWS = 'name,email\n"Doe, Jane",a@ok.test\n=Joe,b@ok.test\nJill,c@ok.test\nJane,a@ok.test\n'
LATER = (Result.RETRY_LATER, Reason.TRANSIENT_NETWORK_FAULT, Blame.THEIR_OUTAGE)
UNSURE = (Result.UNVERIFIABLE, Reason.SERVER_IS_CATCH_ALL, Blame.THEIR_POLICY)


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


@pytest.fixture
def job(account: Account) -> Job:
    """Four rows: to be tried later, not to be verified, good, and a duplicate of the first."""
    job = make_list(ROWS, account=account)
    give_verdict(job.checks.get(position=0), *LATER)
    give_verdict(job.checks.get(position=1), *UNSURE)
    return finish(job)


def again(client: Client, job: Job) -> str:
    return client.post(reverse("check_job_again", args=[job.account.slug, job.pk]))["Location"]


def test_undecided_rows_become_a_list_that_waits(client: Client, job: Job) -> None:
    assert b"Check 2 undecided again" in client.get(reverse("job", args=[job.account.slug, job.pk])).content
    left = quota.left(account_id=job.account_id)
    where = again(client, job)

    upload = Upload.objects.exclude(job=job).get()
    assert where == reverse("upload", args=[job.account.slug, upload.pk])
    assert (upload.filename, upload.row_count, upload.address_column) == ("customers-again.csv", 2, 1)
    assert upload.path.read_text() == 'name,email\n"Doe, Jane",a@ok.test\n=Joe,b@ok.test\n'
    assert (Job.objects.count(), quota.left(account_id=job.account_id)) == (1, left)


def test_two_clicks_on_start_are_one_job(client: Client, job: Job) -> None:
    where = again(client, job)
    started = {client.post(where, {"address_column": 1})["Location"] for _ in range(2)}
    assert (len(started), Job.objects.count()) == (1, 2)


def test_nothing_undecided(client: Client, account: Account) -> None:
    job = finish(make_list(account=account))
    page = client.get(reverse("job", args=[account.slug, job.pk])).content
    assert b"undecided again" not in page
    assert again(client, job) == reverse("job", args=[account.slug, job.pk])
    assert Upload.objects.count() == 1


def test_uploads_switched_off(client: Client, job: Job) -> None:
    job.account.configs.update(uploads=False)
    assert again(client, job) == reverse("job", args=[job.account.slug, job.pk])
    assert Upload.objects.count() == 1


def test_viewers_and_strangers_bring_nothing(client: Client, job: Job) -> None:
    path = reverse("check_job_again", args=[job.account.slug, job.pk])
    for user, status in ((make_member(job.account, Role.VIEWER), 403), (owner_of(make_account()), 404)):
        client.force_login(user)
        assert client.post(path).status_code == status
    assert Upload.objects.count() == 1
