"""What staff do about organisations, and what a job's page says of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests.factories import make_staff, make_user
from tests.verification.factories import give_verdict, make_job
from verification.domain import organisations
from verification.domain.outlook import Waiting, outlook
from verification.engine.types import Attempt, Blame, Evidence, Reason, Result, Stage, Trouble
from verification.models import Batch, Job, JobStatus, Organisation, PacingGrant

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
LIST = "admin:verification_organisation_changelist"
HOST = "mx.blocked.test"
BACKOFF = Evidence(attempts=(Attempt(Stage.CONNECT, HOST, "127.1.0.9", trouble=Trouble.BACKOFF),)).as_dict()


def act(client: Client, staff: User, action: str, organisation: Organisation) -> int:
    client.force_login(staff)
    return client.post(reverse(LIST), {"action": action, "_selected_action": organisation.pk}).status_code


def waiting_job() -> Job:
    """Give a running job with one row that waits because of a backoff."""
    job = make_job(["jane@blocked.test"])
    Job.objects.filter(pk=job.pk).update(status=JobStatus.RUNNING)
    check = job.checks.get()
    give_verdict(
        check,
        Result.RETRY_LATER,
        Reason.TRANSIENT_NETWORK_FAULT,
        Blame.OUR_ADDRESS,
        final=False,
        evidence=BACKOFF,
    )
    Batch.objects.filter(job=job).delete()
    Batch.objects.create(
        job=job, account=job.account, check_ids=[check.pk], due_at=timezone.now() + timedelta(minutes=5), tries=1
    )
    job.refresh_from_db()
    return job


def test_connections_are_those_granted_now() -> None:
    organisation = Organisation.objects.create(name="a.test")
    for slots, seconds in ((3, 30), (1, 30), (2, -1)):
        PacingGrant.objects.create(
            organisation=organisation,
            holder=f"00000000-0000-0000-0000-00000000000{slots}",
            live=False,
            slots=slots,
            until=timezone.now() + timedelta(seconds=seconds),
        )
    found: Any = organisations.with_connections(Organisation.objects.all()).get()  # Any: annotated
    assert found.connections == 4


def test_staff_release_pause_and_resume(client: Client) -> None:
    staff = make_staff()
    organisation = Organisation.objects.create(name="a.test", backoff_until=Now() + timedelta(hours=1), backoffs=3)

    assert act(client, staff, "release", organisation) == 302
    organisation.refresh_from_db()
    assert (organisation.backoff_until, organisation.backoffs) == (None, 0)

    assert act(client, staff, "pause", organisation) == 302
    organisation.refresh_from_db()
    assert (organisation.paused_by, organisation.paused_at is None) == (staff, False)

    assert act(client, staff, "resume", organisation) == 302
    organisation.refresh_from_db()
    assert (organisation.paused_by, organisation.paused_at) == (None, None)
    told = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(told) == ["Released.", "Paused.", "Resumed."]


def test_staff_who_may_only_look_cannot_pause(client: Client) -> None:
    looker = make_user("looker@example.org")
    looker.is_staff = True
    looker.save()
    looker.user_permissions.add(Permission.objects.get(codename="view_organisation"))
    organisation = Organisation.objects.create(name="a.test")
    act(client, looker, "pause", organisation)
    organisation.refresh_from_db()
    assert organisation.paused_at is None


def test_a_job_waits_for_an_organisation_until_its_backoff_ends() -> None:
    job = waiting_job()
    until = timezone.now() + timedelta(minutes=5)
    Organisation.objects.create(name="blocked.test", backoff_until=until)
    Organisation.objects.create(name="elsewhere.test", backoff_until=until)
    assert outlook(job=job).waiting_for == (Waiting("blocked.test", until),)


def test_a_job_waits_for_a_paused_organisation_without_an_end() -> None:
    job = waiting_job()
    Organisation.objects.create(name="blocked.test", paused_at=Now(), backoff_until=Now() + timedelta(hours=1))
    assert outlook(job=job).waiting_for == (Waiting("blocked.test", None),)


def test_a_job_does_not_wait_for_what_is_over() -> None:
    job = waiting_job()
    Organisation.objects.create(name="blocked.test", backoff_until=Now() - timedelta(seconds=1))
    assert outlook(job=job).waiting_for == ()


def test_a_paused_job_waits_for_nobody() -> None:
    job = waiting_job()
    job.status = JobStatus.PAUSED
    Organisation.objects.create(name="blocked.test", backoff_until=Now() + timedelta(hours=1))
    assert outlook(job=job).waiting_for == ()


def test_the_job_page_says_whom_it_waits_for(client: Client) -> None:
    job = waiting_job()
    until = timezone.now() + timedelta(hours=1)
    Organisation.objects.create(name="blocked.test", backoff_until=until)
    client.force_login(job.account.memberships.get(role="owner").user)
    page = client.get(reverse("job_progress", args=[job.account.slug, job.pk])).content.decode()
    assert f"Waiting for blocked.test until {until:%H:%M} UTC" in page
