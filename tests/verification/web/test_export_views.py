from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.models import Account, AccountConfig, Role
from tests.factories import make_account, make_member
from tests.verification.factories import finish, make_list, owner_of
from verification import tasks
from verification.domain import export_kinds, prepared
from verification.domain.export_kinds import ExportKind
from verification.models import Job, PreparedFile

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("commits_at_once")]


@pytest.fixture(autouse=True)
def small_bound(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = settings.UPLOADS = tmp_path
    settings.EXPORTS = tmp_path / "exports"
    xlsx = export_kinds.KINDS["xlsx"]
    monkeypatch.setitem(
        export_kinds.KINDS, "xlsx", ExportKind(xlsx.content_type, xlsx.export, xlsx.most_rows, most_at_once=1)
    )


@pytest.fixture
def job() -> Job:
    return finish(make_list("email\njane@ok.test\njoe@ok.test\n", account=make_account()))


def at(name: str, job: Job, account: Account | None = None, **more: object) -> str:
    return reverse(name, kwargs={"account": (account or job.account).slug, "job_id": job.pk, **more})


def test_a_workbook_of_many_rows_is_prepared_and_downloaded(client: Client, job: Job) -> None:
    client.force_login(make_member(job.account, Role.MEMBER))
    page = client.get(at("job", job)).text
    assert at("prepare_export", job) in page
    assert (at("job_export_xlsx", job) + "?" in page, at("job_export", job) in page) == (False, True)

    asked = client.post(at("prepare_export", job) + "?show=Ok")
    assert (asked.status_code, asked["Location"]) == (302, at("job", job))
    assert client.post(at("prepare_export", job) + "?show=Ok").status_code == 302
    file = PreparedFile.objects.get()
    waiting = client.get(at("prepared_files", job))
    assert (waiting.status_code, "Being prepared" in waiting.text, "a mail tells you" in waiting.text) == (
        200,
        True,
        True,
    )
    assert client.get(at("prepared_file", job, file_id=file.pk)).status_code == 404

    tasks.prepare_exports()
    ready = client.get(at("prepared_files", job))
    assert (ready.status_code, at("prepared_file", job, file_id=file.pk) in ready.text) == (286, True)
    assert "Safe to send" in client.get(at("job", job)).text
    sent = client.get(at("prepared_file", job, file_id=file.pk))
    file.refresh_from_db()
    assert sent.getvalue() == file.path.read_bytes()
    assert (sent["Content-Length"], sent["Content-Disposition"]) == (
        str(file.size),
        'attachment; filename="customers-good.xlsx"',
    )


def test_a_file_on_another_machine_is_sent_as_it_is_read(client: Client, job: Job) -> None:
    client.force_login(owner_of(job.account))
    client.post(at("prepare_export", job))
    tasks.prepare_exports()
    file = PreparedFile.objects.get()
    kept = file.path.read_bytes()
    file.path.unlink()
    sent = client.get(at("prepared_file", job, file_id=file.pk))
    assert (sent.getvalue(), "Content-Length" in sent) == (kept, False)


def test_the_address_of_the_download_leads_to_the_page(client: Client, job: Job) -> None:
    client.force_login(owner_of(job.account))
    answer = client.get(at("job_export_xlsx", job), follow=True)
    assert answer.redirect_chain == [(at("job", job), 302)]
    assert "is prepared first" in answer.text


def test_too_many_at_once_is_said(client: Client, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "MOST_WAITING", 0)
    client.force_login(owner_of(job.account))
    assert "files are being prepared already" in client.post(at("prepare_export", job), follow=True).text


def test_nobody_else_has_them(client: Client, job: Job) -> None:
    client.force_login(owner_of(job.account))
    client.post(at("prepare_export", job))
    tasks.prepare_exports()
    file = PreparedFile.objects.get()
    stranger = owner_of(make_account())
    other = stranger.memberships.get().account
    tries = {
        "viewer": (make_member(job.account, Role.VIEWER), job.account, 403),
        "stranger": (stranger, job.account, 404),
        "stranger by their own account": (stranger, other, 404),
    }
    for who, (user, account, status) in tries.items():
        client.force_login(user)
        assert client.post(at("prepare_export", job, account)).status_code == status, who
        assert client.get(at("prepared_files", job, account)).status_code == status, who
        assert client.get(at("prepared_file", job, account, file_id=file.pk)).status_code == status, who
    assert PreparedFile.objects.count() == 1
    client.force_login(tries["viewer"][0])
    assert "Prepared downloads" not in client.get(at("job", job)).text


def test_they_can_be_switched_off(client: Client, job: Job) -> None:
    client.force_login(owner_of(job.account))
    client.post(at("prepare_export", job))
    tasks.prepare_exports()
    AccountConfig.objects.update_or_create(account=job.account, sending_domain="", defaults={"exports": False})
    assert client.post(at("prepare_export", job)).status_code == 403
    assert client.get(at("prepared_file", job, file_id=PreparedFile.objects.get().pk)).status_code == 403
