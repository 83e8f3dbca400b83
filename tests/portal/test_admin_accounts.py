from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from accounts.admin.config import ConfigForm
from accounts.domain import quota
from accounts.models import AccountConfig, AuditEntry, LicenseKey, User
from tests.factories import make_account, make_key, make_member, make_user, with_factor
from tests.portal.admin_rows import change_url, make_rows
from tests.portal.test_admin import account_form
from tests.verification.factories import finish, make_job, make_list, make_upload, owner_of
from verification.domain import intake, jobs
from verification.models import Batch, Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
LIST = "/admin/accounts/account/"


def rows(page: Client, **query: str) -> list[str]:
    return [row.name for row in page.get(LIST, query).context["cl"].result_list]


def test_accounts_are_found_by_name_short_name_and_member(page: Client) -> None:
    ada, bob = make_account("Ada's"), make_account("Bob's")
    member = make_member(ada)
    assert rows(page, q="ada") == rows(page, q=f" {member.email.upper()}") == rows(page, q=ada.slug) == ["Ada's"]
    assert rows(page, q="account-") == ["Bob's", "Ada's"]
    assert rows(page, q="nobody@example.com") == []
    assert rows(page, status__exact="suspended") == []
    assert bob.name in rows(page)


def test_the_list_shows_running_jobs_and_last_activity(page: Client) -> None:
    quiet, busy = make_account("Quiet"), make_account("Busy")
    key, _ = make_key(busy)
    LicenseKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())
    finish(make_job(["jane@ok.test"], account=busy, key=key))
    job = make_job(["jane@ok.test"], account=busy, key=key)
    shown = {row.name: row for row in page.get(LIST).context["cl"].result_list}
    assert [(row.jobs_running, row.last_job_at) for row in (shown["Quiet"], shown["Busy"])] == [
        (None, None),
        (1, job.created_at),
    ]
    assert quiet.name in shown


def test_a_page_asks_the_same_of_few_rows_and_of_many(page: Client, staff: User) -> None:
    account = make_rows(staff)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert page.get(change_url(account)).status_code == 200
        return len(queries)

    one = count()
    for number in range(3):
        make_key(account)
        make_member(account)
        quota.grant(account=account, amount=number + 1, actor=staff, reason="more")
        AccountConfig.objects.create(account=account, sending_domain=f"{number}.example")
    assert count() == one


def test_a_page_shows_keys_by_prefix_grants_with_reason_and_overrides(page: Client, staff: User) -> None:
    account = make_account()
    key, secret = make_key(account)
    quota.grant(account=account, amount=1_500, actor=staff, reason="an <apology>")
    AccountConfig.objects.create(account=account, sending_domain="mail.example")
    text = page.get(change_url(account)).text
    assert f"{key.prefix}…" in text
    assert secret not in text
    assert f"<td>+1,500</td><td>prepaid</td><td>an &lt;apology&gt;</td><td>{staff.email}</td>" in text
    assert 'value="mail.example"' in text


def test_only_the_newest_keys_are_shown(page: Client) -> None:
    account = make_account()
    for _ in range(12):
        make_key(account)
    text = page.get(change_url(account)).text
    assert (text.count("<td>in use</td>"), "All keys" in text) == (10, True)


def test_an_override_is_made_and_taken_away_beside_the_account(page: Client, staff: User) -> None:
    account = make_account()
    own = AccountConfig.objects.get(account=account)
    columns = {
        field.name: getattr(own, field.attname)
        for field in AccountConfig._meta.fields
        if field.editable and field.name not in ("id", "account", "sending_domain")
    }
    filled = {f"configs-0-{name}": value for name, value in columns.items() if value is not False and value is not None}
    form = account_form(account) | filled | {"configs-TOTAL_FORMS": 1, "configs-0-account": account.pk}
    form |= {"configs-0-sending_domain": "Mail.Example", "configs-0-rows_per_upload": 7}
    answer = page.post(change_url(account), form)
    assert answer.status_code == 302, answer.context["errors"]
    override = AccountConfig.objects.get(account=account, sending_domain="mail.example")
    entry = AuditEntry.objects.order_by("-pk")[0]
    assert (override.rows_per_upload, entry.action, entry.actor) == (7, "config.changed", staff)
    form |= {"configs-INITIAL_FORMS": 1, "configs-0-id": override.pk, "configs-0-DELETE": "on"}
    assert page.post(change_url(account), form).status_code == 302
    assert AccountConfig.objects.get(account=account) == own
    assert AuditEntry.objects.order_by("-pk")[0].action == "config.deleted"


def due(job: Job) -> list[bool]:
    return [batch.due_at <= timezone.now() for batch in Batch.objects.filter(job=job)]


def test_requeue_makes_due_what_waits(page: Client, staff: User) -> None:
    job, other = (make_job(["jane@ok.test"]) for _ in range(2))
    Batch.objects.update(due_at=timezone.now() + timedelta(hours=1))
    OrmQ.objects.all().delete()
    page.post(LIST, {"action": "requeue", "_selected_action": job.account.pk})
    assert (due(job), due(other)) == ([True], [False])
    url = reverse("admin:verification_job_changelist")
    page.post(url, {"action": "requeue", "_selected_action": str(other.pk)})
    assert due(other) == [True]
    entries = AuditEntry.objects.filter(action="job.requeued").order_by("pk")
    assert [(entry.object_id, entry.account, entry.actor) for entry in entries] == [
        (str(job.pk), job.account, staff),
        (str(other.pk), other.account, staff),
    ]


def test_requeue_lets_be_what_is_worked_on_and_what_has_ended() -> None:
    job = make_job(["jane@ok.test"])
    later = timezone.now() + timedelta(hours=1)
    Batch.objects.update(due_at=later, token="12345678-1234-1234-1234-123456789012", lease_until=later)
    assert jobs.requeue(account=job.account, actor=None) == 1
    assert due(job) == [False]
    ended = finish(make_list())
    assert jobs.requeue(account=ended.account, actor=None) == 0


@pytest.mark.django_db(transaction=True)
def test_requeue_asks_again_for_unread_lists() -> None:
    upload = make_upload()
    intake.start_list(upload=upload, address_column=1, user=owner_of(upload.account), now=timezone.now())
    OrmQ.objects.all().delete()
    assert jobs.requeue(account=upload.account, actor=None) == 1
    assert {entry.task["func"] for entry in OrmQ.objects.all()} == {
        "verification.tasks.read_list",
        "verification.tasks.run_drain",
    }


def test_requeue_is_for_those_who_may_change_jobs(client: Client) -> None:
    job, reader = make_job(["jane@ok.test"]), with_factor(make_user(is_staff=True))
    Batch.objects.update(due_at=timezone.now() + timedelta(hours=1))
    reader.user_permissions.add(*Permission.objects.filter(codename__in=["view_account", "view_job"]))
    client.force_login(reader)
    client.post(LIST, {"action": "requeue", "_selected_action": job.account.pk})
    client.post(reverse("admin:verification_job_changelist"), {"action": "requeue", "_selected_action": str(job.pk)})
    assert due(job) == [False]


@pytest.mark.parametrize(
    ("typed", "kept"), [("", ""), (" Mail.Example ", "mail.example"), ("Bücher.example", "xn--bcher-kva.example")]
)
def test_a_sending_domain_is_kept_as_the_dns_has_it(typed: str, kept: str) -> None:
    form = ConfigForm()
    form.cleaned_data = {"sending_domain": typed}
    assert form.clean_sending_domain() == kept


@pytest.mark.parametrize("typed", ["a..b", "-x-.example", "no name"])
def test_a_sending_domain_that_is_none(typed: str) -> None:
    form = ConfigForm()
    form.cleaned_data = {"sending_domain": typed}
    with pytest.raises(ValidationError):
        form.clean_sending_domain()
