"""Whoever started a list hears that it is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core import mail
from pytest_django import Settings

from accounts.models import OutgoingMail, Role, User
from tests.factories import make_account, make_key, make_member
from tests.verification.factories import make_job, make_list, owner_of
from tests.verification.test_drain import work_off
from verification import tasks
from verification.domain import drain
from verification.domain.sweeper import Sweeper
from verification.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "email\njane@ok.test\njoe@ok.test\nmissing@ok.test\nnobody\njane@ok.test\njim@catchall.test\n"


@pytest.fixture(autouse=True)
def quick(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = settings.UPLOADS = tmp_path
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)
    monkeypatch.setattr(drain, "FLUSH_SECONDS", 0.05)


def test_the_starter_of_a_list_is_told_how_it_came_out() -> None:
    job = make_list(LIST, account=make_account("Ada & Co"))
    work_off()
    Sweeper().ask_for_mail()
    tasks.send_mail()
    tasks.send_mail()
    (message,) = mail.outbox
    assert (message.to, message.subject) == ([owner_of(job.account).email], "customers.csv is done")
    text = str(message.body)
    assert "All 6 rows of customers.csv (Ada & Co)" in text
    assert "Good: 2\nBad: 2\nTry again later: 0\nCannot be verified: 1\nDuplicates, not charged: 1\n" in text
    assert f"/a/{job.account.slug}/jobs/{job.pk}" in text


def test_a_list_that_ends_with_its_reading_is_told_of_too() -> None:
    make_list("email\njane@ok@test\n")
    tasks.send_mail()
    assert [message.subject for message in mail.outbox] == ["customers.csv is done"]
    assert "The one row of customers.csv" in str(mail.outbox[0].body)


def test_nobody_is_told_who_did_not_start_it_or_does_not_want_to_be() -> None:
    job = make_list()
    User.objects.update(mail_when_done=False)
    make_job(["jane@ok.test"], key=make_key(job.account)[0])
    work_off()
    assert list(Job.objects.values_list("status", flat=True)) == ["finished", "finished"]
    assert not OutgoingMail.objects.exists()


def test_nobody_is_told_of_what_they_may_not_see_any_more() -> None:
    job = make_list()
    work_off()
    make_member(job.account, Role.OWNER)
    job.account.memberships.get(user=job.created_by).delete()
    tasks.send_mail()
    assert (mail.outbox, OutgoingMail.objects.get().sent_at is not None) == ([], True)
