from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, Reservation
from tests.factories import make_account
from tests.verification.factories import finish, make_list, make_upload, owner_of
from verification.domain import intake
from verification.models import Job, Upload

pytestmark = pytest.mark.django_db
SAVE_AS_CSV = "Save it as CSV (comma separated, UTF-8) and upload that."
TWO_COLUMNS = "work,home\na@ok.test,b@ok.test\nc@ok.test,d@ok.test\n"


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


def words(page: bytes) -> str:
    """Give a page's text, white space put together."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())


def refusal(page: bytes) -> str:
    found = re.search(r'<div class="refusal" role="alert">(.*?)</div>', page.decode(), re.DOTALL)
    assert found
    return words(found[1].encode()).replace("&#x27;", "'")


def test_a_file_is_shown_before_it_starts(client: Client, account: Account) -> None:
    response = client.post(
        reverse("new_list", args=[account.slug]),
        {"file": SimpleUploadedFile("may.csv", "name;e-mail\nJörg;joerg@ok.test\n".encode())},
    )
    upload = Upload.objects.get()

    assert response.status_code == 302
    assert response["Location"] == reverse("upload", args=[account.slug, upload.pk])
    page = words(client.get(response["Location"]).content)
    assert "Rows 1 Columns 2 Size 32 bytes Encoding UTF-8 Separated by Semicolon Header First row" in page
    assert "Addresses are in name e-mail The first row is a header" in page
    assert "Row name e-mail 2 Jörg joerg@ok.test" in page
    assert not Job.objects.exists()


def test_pasted_addresses_are_a_list(client: Client, account: Account) -> None:
    response = client.post(
        reverse("new_list", args=[account.slug]), {"pasted": "a@ok.test, b@ok.test; c@ok.test\r\nd@ok.test"}
    )

    assert response.status_code == 302
    upload = Upload.objects.get()
    assert (upload.filename, upload.row_count) == ("Pasted addresses.txt", 4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty."),
        (b"\n \n", "may.csv has only blank rows."),
        (b"a@ok.test\n\0\n", "Line 2 holds a NUL byte: this is no plain text file. " + SAVE_AS_CSV),
    ],
)
def test_unreadable_files(client: Client, account: Account, content: bytes, message: str) -> None:
    response = client.post(reverse("new_list", args=[account.slug]), {"file": SimpleUploadedFile("may.csv", content)})

    assert response.status_code == 422
    assert refusal(response.content).replace("&quot;", '"') == message
    assert not Upload.objects.exists()


def test_nothing_chosen(client: Client, account: Account) -> None:
    response = client.post(reverse("new_list", args=[account.slug]), {})

    assert (response.status_code, refusal(response.content)) == (422, "Choose a file, or paste some addresses.")


def test_uploads_switched_off(client: Client) -> None:
    account = make_account(uploads=False)
    client.force_login(owner_of(account))
    response = client.post(reverse("new_list", args=[account.slug]), {"pasted": "a@ok.test"})

    assert response.status_code == 422
    assert refusal(response.content) == ("Uploading lists is switched off for this account. Ask us to switch it on.")


def test_a_suspended_account_reads_and_uploads_nothing(client: Client) -> None:
    account = make_account()
    finish(make_list(account=account))
    waiting = make_upload(account=account)
    Account.objects.filter(pk=account.pk).update(status=Account.Status.SUSPENDED)
    client.force_login(owner_of(account))

    assert "This account is suspended." in words(client.get(reverse("lists", args=[account.slug])).content)
    response = client.post(reverse("new_list", args=[account.slug]), {"pasted": "a@ok.test"})
    assert refusal(response.content) == "This account is suspended: no new lists can be checked."
    response = client.post(reverse("upload", args=[account.slug, waiting.pk]), {"address_column": "1"})
    assert refusal(response.content) == "This account is suspended: no new lists can be checked."


def test_start_makes_a_job_once(client: Client, account: Account) -> None:
    upload = make_upload(TWO_COLUMNS, account=account)
    address = reverse("upload", args=[account.slug, upload.pk])

    response = client.post(address, {"address_column": "1"})
    job = Job.objects.get()
    assert (response.status_code, response["Location"]) == (302, reverse("job", args=[account.slug, job.pk]))
    assert Upload.objects.get().address_column == 1
    again = client.get(address)
    assert (again.status_code, again["Location"]) == (302, response["Location"])


@pytest.mark.parametrize("column", ["2", "-1", "x", ""])
def test_a_column_that_holds_no_addresses(client: Client, account: Account, column: str) -> None:
    upload = make_upload(TWO_COLUMNS, account=account)
    response = client.post(reverse("upload", args=[account.slug, upload.pk]), {"address_column": column})

    assert response.status_code == 422
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("content", "tick", "columns", "addresses"),
    [
        (TWO_COLUMNS, True, ["work", "home"], ["a@ok.test", "c@ok.test"]),
        (TWO_COLUMNS, False, ["Email", "Column 2"], ["work", "a@ok.test", "c@ok.test"]),
        ("a@ok.test\nb@ok.test\n", True, ["a@ok.test"], ["b@ok.test"]),
        ("a@ok.test\nb@ok.test\n", False, ["Email"], ["a@ok.test", "b@ok.test"]),
    ],
)
def test_the_first_row_may_be_a_header_or_not(
    client: Client, account: Account, content: str, tick: bool, columns: list[str], addresses: list[str]
) -> None:
    upload = make_upload(content, account=account)
    page = client.get(reverse("upload", args=[account.slug, upload.pk])).content
    in_all = len(content.splitlines())
    assert f"a header: {in_all - 1} row" in words(page)
    assert f"checked, too: {in_all} rows." in words(page)
    assert (b'role="switch" checked' in page) is upload.has_header

    form = {"address_column": "0", "asks_for_header": "1"} | ({"has_header": "on"} if tick else {})
    client.post(reverse("upload", args=[account.slug, upload.pk]), form)

    job = Job.objects.get()
    assert Reservation.objects.get().open == len(addresses)
    intake.read_list(job_id=job.pk)
    job.refresh_from_db()
    assert (job.columns, job.total, job.fault) == (columns, len(addresses), "")
    assert list(job.checks.order_by("position").values_list("address", flat=True)) == addresses


def test_a_list_of_nothing_but_a_header(client: Client, account: Account) -> None:
    upload = make_upload("a@ok.test\n", account=account)
    form = {"address_column": "0", "asks_for_header": "1", "has_header": "on"}

    response = client.post(reverse("upload", args=[account.slug, upload.pk]), form)

    assert response.status_code == 422
    assert refusal(response.content) == "The list has only one row: if that is a header, there is nothing to check."
    assert not Job.objects.exists()


def test_a_header_cannot_be_changed_in_a_file_that_is_gone(client: Client, account: Account) -> None:
    upload = make_upload("a@ok.test\nb@ok.test\n", account=account)
    upload.path.unlink()
    form = {"address_column": "0", "asks_for_header": "1", "has_header": "on"}

    response = client.post(reverse("upload", args=[account.slug, upload.pk]), form)

    assert (response.status_code, refusal(response.content)) == (422, "The uploaded file is gone.")


def test_not_enough_checks_left(client: Client) -> None:
    account = make_account(monthly_quota=1)
    client.force_login(owner_of(account))
    upload = make_upload(TWO_COLUMNS, account=account)
    response = client.post(reverse("upload", args=[account.slug, upload.pk]), {"address_column": "0"})

    assert response.status_code == 422
    assert refusal(response.content) == "This list needs 2 checks and this account has 1 left this month."
    assert not Job.objects.exists()


def test_the_overview_asks_as_often_for_three_lists_as_for_one(
    client: Client, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    address = reverse("lists", args=[account.slug])
    finish(make_list(account=account))
    client.get(address)
    with django_assert_num_queries(8) as one:
        client.get(address)
    for _ in range(2):
        finish(make_list(account=account))
    with django_assert_num_queries(len(one)):
        page = client.get(address)
    assert page.content.count(b'class="card job"') == 3


def test_the_overview_has_pages(client: Client, account: Account) -> None:
    for _ in range(26):
        Job.objects.create(account=account, source="upload", name="x")

    first = client.get(reverse("lists", args=[account.slug]))
    second = client.get(reverse("lists", args=[account.slug]) + "?page=2")
    assert (first.content.count(b'class="card job"'), second.content.count(b'class="card job"')) == (25, 1)
