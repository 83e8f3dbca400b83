from __future__ import annotations

import csv
import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, AuditEntry, Role
from tests.factories import make_account, make_member
from tests.verification.factories import finish, give_verdict, make_list, owner_of
from verification.domain import job_rows
from verification.engine.types import LEGAL_PAIRS, Blame, Reason, Result
from verification.models import Job, JobStatus
from verification.web.words import BLAMES, REASONS, RESULTS

pytestmark = pytest.mark.django_db
FIVE = "email\na@ok.test\nb@ok.test\nno-at-sign\na@ok.test\nc@ok.test\n"


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


@pytest.fixture
def job(account: Account) -> Job:
    """Five rows: good, bad, refused, duplicate, waiting."""
    job = make_list(FIVE, account=account)
    give_verdict(job.checks.get(position=0))
    reply = {"host": "mx.ok.test", "code": 550, "enhanced": "5.1.1", "text": "<b>no</b> such user"}
    evidence: dict[str, object] = {"attempts": [reply], "provider": "Google"}
    bad = (Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS)
    second = job.checks.get(position=1)
    give_verdict(second, *bad, evidence=evidence, normalized="b@ok.example", did_you_mean="b@okay.test")
    job.refresh_from_db()
    return job


def page_of(client: Client, job: Job, name: str = "job", query: str = "") -> HttpResponse:
    response = client.get(reverse(name, args=[job.account.slug, job.pk]) + query)
    assert isinstance(response, HttpResponse)
    return response


def row_numbers(response: HttpResponse) -> list[int]:
    return [int(number) for number in re.findall(r'all that is known">(\d+)</a></td>', response.content.decode())]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("?show=all", [1, 2, 3, 4, 5]),
        ("?show=Ok", [1]),
        ("?show=Bad", [2, 3]),
        ("?show=Bad&reason=AtSignNotFound", [3]),
        ("?show=RetryLater", []),
        ("?show=undecided", []),
        ("?show=risky", []),
        ("?blame=address", [2, 3]),
        ("?show=Bad&q=B@", [2]),
        ("?q=b@", [2]),
        ("?q=ok.te", [1, 2, 4, 5]),
        ("?q=@ok.test&sort=end", [5, 4, 2, 1]),
        ("?q=%25", []),
        ("?q=%00", []),
        ("?reason=AtSignNotFound", [3]),
        ("?provider=Google", [2]),
        ("?provider=other", [1, 3]),
        ("?sort=end&after=2", [2, 1]),
        ("?sort=address", [1, 4, 2, 5, 3]),
        ("?sort=-address", [3, 5, 2, 4, 1]),
        ("?show=Bad&sort=-address", [3, 2]),
        ("?sort=verdict", [2, 3, 1]),
        ("?sort=-verdict", [1, 3, 2]),
        ("?sort=verdict&blame=none", [1]),
        ("?show=waiting&sort=verdict", [5]),
        ("?sort=nonsense", [1, 2, 3, 4, 5]),
        ("?sort=address&after=999999999", []),
        ("?sort=end&before=2", [5, 4]),
        ("?show=waiting", [5]),
        ("?show=refused", [3]),
        ("?show=duplicate", [4]),
        ("?show=nonsense&reason=nonsense&after=x&before=-1", [1, 2, 3, 4, 5]),
        ("?after=1", [3, 4, 5]),
        ("?before=2", [1, 2]),
        ("?after=99999999999999999999999", [1, 2, 3, 4, 5]),
    ],
)
def test_rows_by_kind(client: Client, job: Job, query: str, numbers: list[int]) -> None:
    assert row_numbers(page_of(client, job, query=query)) == numbers


def test_the_page_of_a_running_job(client: Client, job: Job) -> None:
    page = page_of(client, job).content.decode()

    assert '<progress value="4" max="5"' in page
    assert "mx.ok.test: 550 5.1.1 &lt;b&gt;no&lt;/b&gt; such user" in page
    assert "One name for this mailbox: <code>b@ok.example</code>" in page
    assert page.count("Did you mean <code>b@okay.test</code>?") == 1
    assert "there is no at-sign" in page
    assert "Same as row 1: checked once, charged once" in page
    assert page.count('class="badge result-Ok"') == 2  # of the row, and of its duplicate
    assert "<script>" not in page
    assert "style=" not in page


def test_rows_come_in_pages(client: Client, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_rows, "PAGE_ROWS", 2)
    job = finish(make_list("email\n" + "".join(f"a{n}@ok.test\n" for n in range(5)), account=account))

    for kind in ("all", "Ok"):
        seen, query = [], f"?show={kind}"
        while query:
            response = page_of(client, job, query=query)
            seen.append(row_numbers(response))
            following = re.search(r'href="(\?[^"#]+)#rows" rel="next"', response.content.decode())
            query = following[1].replace("&amp;", "&") if following else ""
        assert seen == [[1, 2], [3, 4], [5]]
        back = re.search(r'href="(\?[^"#]+)#rows" rel="prev"', response.content.decode())
        assert back
        before = page_of(client, job, query=back[1].replace("&amp;", "&"))
        assert row_numbers(before) == [3, 4]


def test_the_part_that_changes_is_asked_for_until_the_end(client: Client, job: Job) -> None:
    running = page_of(client, job, "job_progress", "?was=running")
    assert (running.status_code, running.get("HX-Trigger-After-Swap")) == (200, None)
    assert b"hx-trigger" in running.content
    assert b'hx-swap-oob="true"' in running.content

    ended = page_of(client, finish(job), "job_progress", "?was=running")
    assert (ended.status_code, ended["HX-Trigger-After-Swap"]) == (286, "job-changed")
    assert b"hx-trigger" not in ended.content


def test_the_ring(client: Client, job: Job) -> None:
    assert page_of(client, job, "job_chart").json() == {  # type: ignore[attr-defined]  # of the test client
        "slices": [
            {"key": "Success", "title": "Mailbox exists", "count": 1},
            {"key": "AtSignNotFound", "title": "No @ in it", "count": 1},
            {"key": "MailboxDoesNotExist", "title": "No such mailbox", "count": 1},
            {"key": "waiting", "title": "Waiting", "count": 1},
        ]
    }


def test_a_job_that_is_still_read(client: Client, job: Job) -> None:
    none = dict.fromkeys(["total", "waiting", "refused", "duplicate", "decided"], 0)
    Job.objects.filter(pk=job.pk).update(status=JobStatus.PARSING, is_reading=True, **none)

    page = page_of(client, job).content.decode()
    assert "Read <strong>0</strong> of 5 rows<" in page
    assert 'id="legend"' in page  # what the next progress answer replaces
    assert 'id="progress" class="card progress" hx-get="' in page
    assert "?was=empty" in page

    Job.objects.filter(pk=job.pk).update(total=3, waiting=2, decided=1)
    rows_came = page_of(client, job, "job_progress", "?was=empty")
    assert rows_came["HX-Trigger-After-Swap"] == "job-changed"
    assert 'Read <strong>3</strong> of 5 rows <span class="muted">· 1 of them done<' in rows_came.content.decode()
    assert '<progress value="3" max="5" aria-label="Rows read">' in rows_came.content.decode()


def test_a_job_that_is_still_read_can_be_paused_and_stopped(client: Client, job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(status=JobStatus.PARSING, is_reading=True)
    page = page_of(client, job).content.decode()
    for action, status in [("pause", "paused"), ("resume", "parsing"), ("cancel", "cancelled")]:
        if action != "resume":
            assert reverse(f"{action}_job", args=[job.account.slug, job.pk]) in page
        client.post(reverse(f"{action}_job", args=[job.account.slug, job.pk]))
        job.refresh_from_db()
        assert job.status == status
    assert not job.is_reading


def test_pause_and_go_on_and_stop(client: Client, job: Job) -> None:
    for action, status in [("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")]:
        client.post(reverse(f"{action}_job", args=[job.account.slug, job.pk]))
        job.refresh_from_db()
        assert job.status == status
    page = client.post(reverse("pause_job", args=[job.account.slug, job.pk]), follow=True).content.decode()
    assert "This list is cancelled: there is nothing to pause." in page


def test_a_page_asks_as_often_for_three_rows_as_for_one(
    client: Client, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    one = finish(make_list("email\na@ok.test\na@ok.test\n", account=account))
    three = finish(make_list("email\n" + "a@ok.test\nb@ok.test\nc@ok.test\n" * 2, account=account))
    for job in (one, three):
        address = reverse("job", args=[account.slug, job.pk])
        with django_assert_num_queries(9):
            client.get(address)


def test_every_verdict_has_words() -> None:
    assert set(REASONS) == {reason for _, reason in LEGAL_PAIRS} == set(Reason)
    assert set(RESULTS) == set(Result)
    assert set(BLAMES) == set(Blame)


def test_download(client: Client, job: Job) -> None:
    client.force_login(make_member(job.account, Role.MEMBER))
    response = client.get(reverse("job_export", args=[job.account.slug, job.pk]))

    assert response.status_code == 200
    assert response.headers["Content-Disposition"] == 'attachment; filename="customers-checked.csv"'
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(response.getvalue().decode().splitlines()))
    assert [(row["email"], row["Status"], row["Blame"]) for row in rows] == [
        ("a@ok.test", "Ok", "none"),
        ("b@ok.test", "Bad", "address"),
        ("no-at-sign", "Bad", "address"),
        ("a@ok.test", "Ok", "none"),
        ("c@ok.test", "", ""),
    ]


def test_download_is_refused_to_viewers(client: Client, job: Job) -> None:
    client.force_login(make_member(job.account, Role.VIEWER))

    assert page_of(client, job, "job_export").status_code == 403
    assert b"Download" not in page_of(client, job).content


def test_downloads_switched_off(client: Client, job: Job) -> None:
    job.account.configs.update(exports=False)
    response = page_of(client, job, "job_export")

    assert response.status_code == 403
    assert b"Downloads are switched off for this account." in response.content
    assert b'class="button" href="' + reverse("job_export", args=[job.account.slug, job.pk]).encode() not in (
        page_of(client, job).content
    )


def test_the_log_line_of_a_page_names_its_job(client: Client, job: Job, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="portal.request"):
        page_of(client, job)

    lines = [record for record in caplog.records if record.name == "portal.request"]
    assert [str(getattr(record, "job_id", "")) for record in lines] == [str(job.pk)]


def test_other_formats(client: Client, job: Job) -> None:
    for name, kind, start in (("job_export_xlsx", "xlsx", b"PK"), ("job_export_jsonl", "jsonl", b'{"id"')):
        answer = client.get(reverse(name, args=[job.account.slug, job.pk]))
        assert answer["Content-Disposition"] == f'attachment; filename="customers-checked.{kind}"'
        assert answer.getvalue().startswith(start)


def test_more_rows_than_a_sheet_has(client: Client, job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(total=2_000_000, waiting=2_000_000 - 4)
    answer = client.get(reverse("job_export_xlsx", args=[job.account.slug, job.pk]), follow=True)
    assert "A sheet holds 1,048,575 rows; download the CSV instead." in answer.content.decode()


def test_a_list_is_deleted(client: Client, job: Job) -> None:
    assert "Yes, delete it" not in page_of(client, job).content.decode()  # it still runs: stop it first
    finish(job)
    assert "Yes, delete it" in page_of(client, job).content.decode()
    answer = client.post(reverse("delete_job", args=[job.account.slug, job.pk]), follow=True)
    assert "The list is deleted, with its addresses and results." in answer.content.decode()
    assert page_of(client, job).status_code == 404
    assert AuditEntry.objects.get(action="job.deleted").actor == owner_of(job.account)


def test_viewers_delete_nothing(client: Client, job: Job) -> None:
    client.force_login(make_member(job.account, Role.VIEWER))
    finish(job)
    assert "Yes, delete it" not in page_of(client, job).content.decode()
    assert client.post(reverse("delete_job", args=[job.account.slug, job.pk])).status_code == 403
