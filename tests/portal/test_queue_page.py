"""The staff's page of the queue: what it says, and releasing an organisation from it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, Task

from accounts.models import AuditEntry, User
from tests.factories import make_user, with_factor
from tests.verification.test_queue_health import batch, failed, running_job, tell
from verification.models import Organisation

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    cache.clear()


def looker(client: Client, *codenames: str) -> User:
    person = with_factor(make_user(is_staff=True))
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(person)
    return person


def bad_signs(page: Client) -> list[str]:
    return [sign.name for sign in page.get(reverse("admin:queue")).context["signs"] if sign.is_bad]


def test_a_queue_without_workers_is_told(page: Client) -> None:
    answer = page.get(reverse("admin:queue"))
    assert answer.status_code == 200
    assert [sign.now for sign in answer.context["signs"]] == [
        "nothing waits",
        "0 batches are worked on",
        "0",
        "0",
        "0 batches",
        "0",
        "0 on 0 machines",
        "not seen",
        "0 to 0 organisations, by 0 processes",
        "0",
        "0",
    ]
    assert bad_signs(page) == ["Workers", "Sweeper"]


def test_workers_that_live_are_no_bad_sign(page: Client) -> None:
    tell("worker-one")
    assert bad_signs(page) == ["Sweeper"]
    answer = page.get(reverse("admin:queue"))
    assert "<td>worker-one</td><td>7</td><td>Idle</td><td>4</td><td>2026-11-22 12:00 UTC</td>" in answer.text


def test_work_that_stands_still_is_told(page: Client) -> None:
    tell()
    batch(running_job(), 90)
    assert bad_signs(page) == ["Work due", "Leases", "Sweeper"]
    assert "Work is due for over a minute and nobody is at it." in page.get(reverse("admin:queue")).text


def test_failed_tasks_are_shown_escaped(page: Client) -> None:
    failed(1)
    Task.objects.update(result="<b>no</b> database")
    text = page.get(reverse("admin:queue")).text
    assert "&lt;b&gt;no&lt;/b&gt; database" in text
    assert "Failed tasks" in bad_signs(page)


def test_release_an_organisation(page: Client, staff: User) -> None:
    Organisation.objects.create(name="a/b.test", backoff_until=Now() + timedelta(hours=1), backoffs=3)
    text = page.get(reverse("admin:queue")).text
    assert 'name="name" value="a/b.test"' in text
    answer = page.post(reverse("admin:queue_release"), {"name": "a/b.test"})
    assert (answer.status_code, answer.headers["Location"]) == (302, reverse("admin:queue"))
    organisation = Organisation.objects.get()
    assert (organisation.backoff_until, organisation.backoffs) == (None, 0)
    entry = AuditEntry.objects.order_by("-pk")[0]
    assert (entry.action, entry.actor, entry.object_id) == ("organisation.released", staff, "a/b.test")


def test_what_staff_paused_is_not_released_here(page: Client) -> None:
    Organisation.objects.create(name="a.test", paused_at=Now())
    text = page.get(reverse("admin:queue")).text
    assert "paused by staff" in text
    assert ">Release<" not in text


@pytest.mark.parametrize("name", ["", "nobody.test", "a\0b", "x" * 10_000])
def test_release_of_nothing_is_not_found(page: Client, name: str) -> None:
    assert page.post(reverse("admin:queue_release"), {"name": name}).status_code == 404


def test_release_is_not_done_by_a_look(page: Client) -> None:
    assert page.get(reverse("admin:queue_release")).status_code == 405
    assert page.post(reverse("admin:queue")).status_code == 405


def test_the_page_is_for_those_who_may_see_batches(client: Client) -> None:
    looker(client, "view_job", "change_organisation")
    assert client.get(reverse("admin:queue")).status_code == 403


def test_releasing_is_for_those_who_may_change_organisations(client: Client) -> None:
    Organisation.objects.create(name="a.test", backoff_until=Now() + timedelta(hours=1))
    looker(client, "view_batch", "view_organisation")
    text = client.get(reverse("admin:queue")).text
    assert "a.test" in text
    assert ">Release<" not in text
    assert "Failed tasks</h2>" not in text
    assert client.post(reverse("admin:queue_release"), {"name": "a.test"}).status_code == 403
    assert Organisation.objects.held().count() == 1


def test_failed_tasks_can_be_read_and_deleted_only(page: Client) -> None:
    failed(2)
    first, second = Failure.objects.order_by("pk")
    Task.objects.filter(pk=first.pk).update(result="Traceback <x>")
    listed = page.get(reverse("admin:django_q_failure_changelist"))
    assert "verification.tasks.run_drain" in listed.text
    assert "Traceback &lt;x&gt;" in page.get(reverse("admin:django_q_failure_change", args=[first.pk])).text
    assert page.post(reverse("admin:django_q_failure_change", args=[first.pk])).status_code == 403
    deleting = {"action": "delete_selected", "_selected_action": second.pk, "post": "yes"}
    page.post(reverse("admin:django_q_failure_changelist"), deleting)
    assert list(Failure.objects.all()) == [first]


@pytest.mark.parametrize("path", ["schedule/", "schedule/add/", "ormq/", "success/"])
def test_nobody_puts_functions_into_the_queue(page: Client, path: str) -> None:
    assert page.get(f"/admin/django_q/{path}").status_code == 404
