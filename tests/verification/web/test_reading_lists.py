"""A list that was brought is read another way, without being sent again."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from tests.factories import make_account
from tests.verification.factories import make_upload, owner_of
from tests.verification.web.test_lists import refusal, words
from tests.verification.workbooks import builder
from verification.domain import intake
from verification.models import Job, Upload

pytestmark = pytest.mark.django_db
READ = {"action": "read", "address_column": "0", "asks_for_header": "1"}
NO_ADDRESSES = "No column holds e-mail addresses. The list needs one address in each row."
QUOTES = 'Line 2: the quotation marks do not match. A " inside a quoted cell must be doubled.'


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


def page_of(upload: Upload) -> str:
    return reverse("upload", args=[upload.account.slug, upload.pk])


def bring(client: Client, account: Account, content: str | bytes) -> Upload:
    data = content.encode() if isinstance(content, str) else content
    client.post(reverse("new_list", args=[account.slug]), {"file": SimpleUploadedFile("may.csv", data)})
    return Upload.objects.get()


def addresses_of(job: Job) -> list[str]:
    intake.read_list(job_id=job.pk)
    return list(job.checks.order_by("position").values_list("address", flat=True))


def test_another_delimiter(client: Client, account: Account) -> None:
    upload = make_upload("name,x|mail\nDoe, J|a@ok.test\nRoe, J|b@ok.test\n", account=account)
    response = client.post(page_of(upload), READ | {"delimiter": "bar", "address_column": "1", "has_header": "on"})

    assert (response.status_code, response["Location"]) == (302, page_of(upload) + "?read=1")
    upload.refresh_from_db()
    assert (upload.delimiter, upload.columns, upload.row_count) == ("|", ["name,x", "mail"], 2)
    page = words(client.get(response["Location"]).content)
    assert "Read as you chose. Start when it looks right." in page
    client.post(page_of(upload), {"address_column": "1"})
    assert addresses_of(Job.objects.get()) == ["a@ok.test", "b@ok.test"]


def test_another_encoding(client: Client, account: Account) -> None:
    upload = make_upload("name;mail\nЖук;a@ok.test\n".encode("cp1251"), account=account)
    client.post(page_of(upload), READ | {"encoding": "koi8_r", "address_column": "1", "has_header": "on"})
    upload.refresh_from_db()
    assert (upload.encoding, upload.sample[0][0]) == ("koi8_r", "Жук".encode("cp1251").decode("koi8_r"))
    client.post(page_of(upload), READ | {"encoding": "cp1251", "address_column": "1", "has_header": "on"})
    upload.refresh_from_db()
    assert (upload.encoding, upload.sample, upload.version) == ("cp1251", [["Жук", "a@ok.test"]], 2)


@pytest.mark.parametrize(
    ("content", "fault", "choice", "addresses"),
    [
        ("name,phone\nJane,1\n", NO_ADDRESSES, None, []),
        ('email,name\n"a@ok.test,Jane\nb@ok.test,Joe\n', QUOTES, {}, ["a@ok.test", "b@ok.test"]),
        (
            "mail\nä@ok.test\nö@ok.test\n".encode() + "ü@ok.test\n".encode("cp1252"),
            "Line 4 is not valid UTF-8, while others are. Save it as CSV (comma separated, UTF-8) and upload that.",
            {"encoding": "cp1252", "quoted": "on"},
            ["Ã¤@ok.test", "Ã¶@ok.test", "ü@ok.test"],
        ),
    ],
)
def test_a_wrong_file_is_kept_and_can_be_mended(
    client: Client,
    account: Account,
    content: str | bytes,
    fault: str,
    choice: dict[str, str] | None,
    addresses: list[str],
) -> None:
    upload = bring(client, account, content)
    page = client.get(page_of(upload))

    assert (page.status_code, refusal(page.content).replace("&quot;", '"')) == (200, fault)
    assert b'value="start"' not in page.content
    refused = client.post(page_of(upload), {"address_column": "0"})
    assert (refused.status_code, Job.objects.count()) == (422, 0)
    if choice is not None:
        form = READ | {"has_header": "on", "asks_for_quotes": "1"} | choice
        assert client.post(page_of(upload), form).status_code == 302
        client.post(page_of(upload), {"address_column": "0"})
        assert [address.lstrip('"') for address in addresses_of(Job.objects.get())] == addresses


def test_a_reading_that_fails_leaves_the_one_before(client: Client, account: Account) -> None:
    upload = make_upload("name;mail\nJörg;a@ok.test\n".encode("cp1252"), account=account)
    response = client.post(page_of(upload), READ | {"encoding": "utf-8", "address_column": "1"})

    assert response.status_code == 422
    assert (
        refusal(response.content)
        == "Line 2 is not valid UTF-8. Save it as CSV (comma separated, UTF-8) and upload that."
    )
    upload.refresh_from_db()
    assert (upload.encoding, upload.version, upload.sample) == ("cp1252", 0, [["Jörg", "a@ok.test"]])


def test_another_sheet(client: Client, account: Account) -> None:
    sheets = {"A": builder.sheet([["a@ok.test"]]), "B": builder.sheet([["b@ok.test"], ["c@ok.test"]])}
    upload = make_upload(builder.workbook(sheets), account=account)
    client.post(page_of(upload), READ | {"sheet": "B"})
    client.post(page_of(upload), {"address_column": "0"})

    assert addresses_of(Job.objects.get()) == ["b@ok.test", "c@ok.test"]


def test_what_was_chosen_and_not_read_is_shown_before_it_starts(client: Client, account: Account) -> None:
    upload = make_upload("a@ok.test|b\n", account=account)
    response = client.post(
        page_of(upload), {"action": "start", "address_column": "0", "delimiter": "semicolon", "version": "0"}
    )

    assert response["Location"] == page_of(upload) + "?read=1"
    assert not Job.objects.exists()


def test_a_tab_that_shows_an_older_reading_starts_nothing(client: Client, account: Account) -> None:
    upload = make_upload("mail,b\na@ok.test,b@ok.test\n", account=account)
    form = READ | {"asks_for_quotes": "1", "has_header": "on"}
    client.post(page_of(upload), form)
    response = client.post(page_of(upload), {"address_column": "0", "version": "0"})

    assert response.status_code == 422
    assert refusal(response.content) == (
        "This list was read another way meanwhile. Look at it once more, then start it."
    )
    assert not Job.objects.exists()
    assert client.post(page_of(upload), {"address_column": "0", "version": "1"}).status_code == 302


def test_a_started_list_is_not_read_again(client: Client, account: Account) -> None:
    upload = make_upload(account=account)
    first = client.post(page_of(upload), {"address_column": "1"})
    again = client.post(page_of(upload), READ | {"delimiter": "bar"})

    assert (again.status_code, again["Location"]) == (302, first["Location"])
    assert Job.objects.count() == 1


@pytest.mark.parametrize("field", ["encoding", "delimiter", "version"])
def test_nonsense(client: Client, account: Account, field: str) -> None:
    upload = make_upload(account=account)
    assert client.post(page_of(upload), READ | {field: "x\0"}).status_code == 422


TOO_LONG = "The list has 4 rows; 2 is the limit of this account. Take its first rows, or split it and bring its parts."


def long_list(client: Client, content: str = "mail\na@ok.test\nb@ok.test\nc@ok.test\nd@ok.test\n") -> Upload:
    account = make_account(rows_per_upload=2)
    client.force_login(owner_of(account))
    return bring(client, account, content)


def test_the_first_rows_of_a_list_that_is_too_long(client: Client) -> None:
    upload = long_list(client)
    page = client.get(page_of(upload))
    assert (refusal(page.content), b'value="start"' in page.content) == (TOO_LONG, False)
    assert "Take the first 2 rows" in words(page.content)
    refused = client.post(page_of(upload), {"address_column": "0"})
    assert (refused.status_code, Job.objects.count()) == (422, 0)

    form = {"address_column": "0", "asks_for_header": "1", "has_header": "on"}
    page = client.post(page_of(upload), form | {"action": "cut"}, follow=True)
    assert "Only the first 2 rows are taken. The rows behind them are not in the download." in words(page.content)
    client.post(page_of(upload), form | {"action": "start", "version": "1"})
    assert addresses_of(Job.objects.get()) == ["a@ok.test", "b@ok.test"]
    job = Job.objects.get()
    assert (job.total, job.fault) == (2, "")


def test_a_list_that_was_cut_is_cut_elsewhere_with_another_header(client: Client) -> None:
    upload = long_list(client)
    client.post(page_of(upload), READ | {"action": "cut", "has_header": "on"})
    without = {"address_column": "0", "asks_for_header": "1", "action": "start"}
    shown = client.post(page_of(upload), without)

    assert (shown["Location"], Job.objects.count()) == (page_of(upload) + "?read=2", 0)
    client.post(page_of(upload), without)
    assert addresses_of(Job.objects.get()) == ["mail", "a@ok.test"]


def test_a_long_list_that_is_read_another_way_is_still_too_long(client: Client) -> None:
    upload = long_list(client)
    client.post(page_of(upload), READ | {"delimiter": "bar", "has_header": "on"})

    upload.refresh_from_db()
    assert (upload.fault, upload.version, upload.is_cut) == (TOO_LONG, 1, False)


def test_a_sheet_with_too_many_rows(client: Client) -> None:
    account = make_account(rows_per_upload=1)
    client.force_login(owner_of(account))
    sheets = {"A": builder.sheet([["a@ok.test"], ["b@ok.test"]]), "B": builder.sheet([["c@ok.test"], ["d@ok.test"]])}
    upload = make_upload(builder.workbook(sheets), account=account)
    assert upload.can_be_cut
    client.post(page_of(upload), READ | {"sheet": "B"})
    upload.refresh_from_db()
    assert (upload.sheet, upload.can_be_cut) == ("B", True)
    client.post(page_of(upload), READ | {"action": "cut"})
    client.post(page_of(upload), {"address_column": "0"})

    assert addresses_of(Job.objects.get()) == ["c@ok.test"]


TWO_ADDRESSES = "work,home\na@ok.test,b@ok.test\nc@ok.test,\n"
MORE = {"address_column": "0", "asks_for_more": "1", "asks_for_header": "1", "has_header": "on"}


def test_several_columns_are_counted_shown_and_started(client: Client, account: Account) -> None:
    upload = make_upload(TWO_ADDRESSES, account=account)
    assert b'name="more_columns" value="1">' in client.get(page_of(upload)).content

    shown = client.post(page_of(upload), MORE | {"more_columns": ["0", "1"], "action": "start"})
    assert (shown["Location"], Job.objects.count()) == (page_of(upload) + "?read=1", 0)
    page = client.get(shown["Location"]).content
    assert b'name="more_columns" value="1" checked>' in page
    assert ("Rows 2" in words(page), "Addresses 3" in words(page), b"wrong-mark" in page) == (True, True, False)
    client.post(page_of(upload), MORE | {"more_columns": ["1"], "action": "start", "version": "1"})
    assert addresses_of(Job.objects.get()) == ["a@ok.test", "b@ok.test", "c@ok.test"]


def test_a_column_that_is_ticked_no_more(client: Client, account: Account) -> None:
    upload = make_upload(TWO_ADDRESSES, account=account)
    client.post(page_of(upload), MORE | {"more_columns": ["1"], "action": "read"})
    assert client.post(page_of(upload), MORE | {"action": "start"}).status_code == 302
    upload.refresh_from_db()
    assert (upload.more_columns, upload.checks, Job.objects.count()) == ([], 2, 0)
    client.post(page_of(upload), MORE | {"action": "start"})
    assert addresses_of(Job.objects.get()) == ["a@ok.test", "c@ok.test"]


@pytest.mark.parametrize("columns", [["2"], ["x"], ["-1"], ["0", "1", "2", "3", "4"]])
def test_columns_that_cannot_be_checked(client: Client, account: Account, columns: list[str]) -> None:
    content = TWO_ADDRESSES if len(columns) == 1 else "a@ok.test," * 6 + "\n"
    upload = make_upload(content, account=account)
    response = client.post(page_of(upload), MORE | {"more_columns": columns, "action": "read"})

    assert (response.status_code, Upload.objects.get().more_columns) == (422, [])
