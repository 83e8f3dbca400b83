"""Files that come together or twice: each is one list, and what became of it is told."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Account, Role
from tests.factories import PASSWORD, make_account, make_member
from tests.verification.factories import make_upload, owner_of
from tests.verification.web.test_lists import refusal, words
from verification.domain import intake, jobs, readings, uploads
from verification.models import Job, Upload

pytestmark = pytest.mark.django_db
FORM = UUID("7d2f0d53-4e3c-4d8f-8f5e-1f2f7c0a9b11")
GOOD, FAULTY, EMPTY = ("may.csv", "email\na@ok.test\nb@ok.test\n"), ("june.csv", "name\nJane\n"), ("july.csv", "")
NO_ADDRESSES = "No column holds e-mail addresses. The list needs one address in each row."


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account()
    client.force_login(owner_of(account))
    return account


def send(
    client: Client, account: Account, *files: tuple[str, str], accept: str = "", **fields: str
) -> Any:  # Any: Django's test response
    sent = [SimpleUploadedFile(name, content.encode()) for name, content in files]
    headers = {"Accept": accept} if accept else {}
    address = reverse("new_list", args=[account.slug])
    return client.post(address, {"token": str(FORM), "file": sent} | fields, headers=headers)


def names() -> list[str]:
    return sorted(Upload.objects.values_list("filename", flat=True))


def test_several_files_are_several_lists(client: Client, account: Account) -> None:
    response = send(client, account, GOOD, FAULTY, EMPTY)

    assert (response.status_code, response["Location"]) == (
        302,
        reverse("uploads", args=[account.slug]) + f"?sent={FORM}",
    )
    assert names() == ["june.csv", "may.csv"]
    page = client.get(response["Location"])
    shown = words(page.content)
    assert "1 file was not taken july.csv : The file is empty." in shown
    for name in names():
        assert reverse("upload", args=[account.slug, Upload.objects.get(filename=name).pk]) in page.content.decode()
    assert "All 2 files" in words(
        client.get(reverse("upload", args=[account.slug, Upload.objects.all()[0].pk])).content
    )
    assert (f"{NO_ADDRESSES} To be corrected" in shown, "2 rows Not started" in shown) == (True, True)


def test_pasted_addresses_beside_a_file_are_a_list_of_their_own(client: Client, account: Account) -> None:
    send(client, account, GOOD, pasted="c@ok.test d@ok.test")

    assert names() == ["Pasted addresses.txt", "may.csv"]


def test_a_form_that_comes_twice_brings_each_file_once(client: Client, account: Account) -> None:
    first = send(client, account, GOOD)
    again = send(client, account, GOOD)

    assert (first.status_code, again.status_code) == (302, 302)
    assert (first["Location"], names()) == (again["Location"], ["may.csv"])
    assert [path.name for path in Upload.objects.get().path.parent.iterdir()] == [str(Upload.objects.get().pk)]
    send(client, account, ("may.csv", "another@ok.test"))  # chosen after coming back to the page
    assert names() == ["may.csv", "may.csv"]


def test_a_form_that_comes_again_after_its_list_was_started(client: Client, account: Account) -> None:
    upload_page = send(client, account, GOOD)["Location"]
    job_page = client.post(upload_page, {"address_column": "0"})["Location"]

    assert send(client, account, GOOD)["Location"] == upload_page
    assert client.get(upload_page)["Location"] == job_page
    assert Job.objects.count() == 1


def test_a_form_that_comes_again_after_its_list_was_deleted(client: Client, account: Account) -> None:
    first = send(client, account, GOOD)["Location"]
    client.post(first, {"address_column": "0"})
    job = Job.objects.get()
    jobs.cancel(job=job)
    jobs.delete(job=job, actor=owner_of(account))
    again = send(client, account, GOOD)["Location"]

    assert again != first
    assert client.get(again).status_code == 200


def test_two_that_arrive_at_the_same_time(account: Account) -> None:
    first = make_upload(account=account, form=FORM)
    second = Upload(account=account, created_by=first.created_by, filename=first.filename, size=first.size, form=FORM)
    second.digest = first.digest
    second.path.write_bytes(first.path.read_bytes())
    readings.read_first(second, account.configs.get())

    assert uploads.keep(second) == first
    assert (Upload.objects.count(), second.path.exists(), first.path.exists()) == (1, False, True)


def test_forms_of_two_accounts_have_nothing_to_do_with_each_other(client: Client, account: Account) -> None:
    other = make_upload(GOOD[1], filename=GOOD[0], form=FORM)
    send(client, account, GOOD)

    assert Upload.objects.count() == 2
    page = client.get(reverse("uploads", args=[account.slug]) + f"?sent={FORM}").content.decode()
    assert str(other.pk) not in page


def test_too_many_files(client: Client, account: Account) -> None:
    files = [(f"{n}.csv", f"{n}@ok.test") for n in range(21)]
    response = send(client, account, *files)

    assert response.status_code == 422
    assert refusal(response.content) == (
        "These are 21 files; 20 can be sent at once. Choose fewer, and send the others after."
    )
    assert not Upload.objects.exists()
    for file in files:  # one by one
        send(client, account, file, several="1")
    page = client.get(reverse("uploads", args=[account.slug]) + f"?sent={FORM}").content
    assert "20.csv : 20 files can be sent at once. Send this one with a new form." in words(page)
    assert Upload.objects.count() == 20
    assert send(client, account, files[0])["Location"].endswith(str(Upload.objects.get(filename="0.csv").pk))


def test_too_many_bytes_together(client: Client, account: Account, settings: Settings) -> None:
    settings.UPLOAD_TOTAL_MEGABYTES = 0
    response = send(client, account, GOOD)

    assert (response.status_code, refusal(response.content)) == (
        422,
        "The files are larger than 0 MB together, which is the limit. Send this one with a new form.",
    )
    assert not Upload.objects.exists()


def test_a_script_is_told_where_to_go_and_why_not(client: Client, account: Account) -> None:
    json = "application/json"
    taken = send(client, account, GOOD, accept=json)
    several = send(client, account, EMPTY, accept=json, several="1")
    nothing = send(client, account, accept=json)
    refused = send(client, account, EMPTY, accept=json)

    upload_page = reverse("upload", args=[account.slug, Upload.objects.get().pk])
    assert (taken.status_code, taken.json()) == (200, {"location": upload_page, "refusals": []})
    answer_page = reverse("uploads", args=[account.slug]) + f"?sent={FORM}"
    told = {"location": answer_page, "refusals": ["The file is empty."]}
    assert (several.status_code, several.json()) == (200, told)
    assert (nothing.status_code, nothing.json()) == (422, {"refusals": ["Choose a file, or paste some addresses."]})
    assert (refused.status_code, refused.json()) == (422, {"refusals": ["The file is empty."]})


def test_a_file_that_was_refused_and_is_mended_is_refused_no_more(client: Client, account: Account) -> None:
    send(client, account, EMPTY, several="1")
    location = send(client, account, (EMPTY[0], GOOD[1]), several="1")["Location"]

    assert "not taken" not in words(client.get(location).content)


def test_a_session_that_has_ended_takes_nothing_and_says_so(client: Client, account: Account) -> None:
    address = reverse("new_list", args=[account.slug])
    assert b"signed out" not in client.get(address).content
    client.logout()
    to_login = client.post(f"{address}?sent=1", {"token": str(FORM), "file": SimpleUploadedFile(*as_bytes(GOOD))})

    assert (to_login.status_code, Upload.objects.count()) == (302, 0)
    user = owner_of(account)
    back = client.post(to_login["Location"], {"login": user.email, "password": PASSWORD}, follow=True)
    assert (back.status_code, back.request["PATH_INFO"]) == (200, address)
    assert "nothing was taken of what was sent. Please choose it again." in words(back.content)


def as_bytes(file: tuple[str, str]) -> tuple[str, bytes]:
    return file[0], file[1].encode()


def test_what_waits_is_found_again(client: Client, account: Account) -> None:
    started, waits, gone = (make_upload(account=account, filename=f"{name}.csv") for name in ("one", "two", "three"))
    for upload in (started, gone):
        job = intake.start_list(upload=upload, address_column=1, user=owner_of(account), now=upload.created_at)
    jobs.cancel(job=job)
    jobs.delete(job=job, actor=owner_of(account))
    Upload.objects.update(form=FORM)

    assert "1 file is here and not started." in words(client.get(reverse("lists", args=[account.slug])).content)
    page = client.get(reverse("uploads", args=[account.slug])).content.decode()
    assert [upload.filename in page for upload in (started, waits, gone)] == [False, True, False]
    page = client.get(reverse("uploads", args=[account.slug]) + f"?sent={FORM}").content.decode()
    assert [upload.filename in page for upload in (started, waits, gone)] == [True, True, False]


def test_three_files_ask_as_often_as_one(
    client: Client, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    address = reverse("uploads", args=[account.slug])
    make_upload(account=account)
    client.get(address)
    with django_assert_num_queries(4) as one:
        client.get(address)
    for _ in range(2):
        make_upload(account=account)
    with django_assert_num_queries(len(one)):
        page = client.get(address)
    assert page.content.count(b"waiting-file") == 3


@pytest.mark.parametrize("sent", ["", "x", "\0"])
def test_a_form_that_is_none(client: Client, account: Account, sent: str) -> None:
    make_upload(account=account)
    page = client.get(reverse("uploads", args=[account.slug]), {"sent": sent})

    assert (page.status_code, page.content.count(b"waiting-file")) == (200, 1)


def test_teammates_see_what_waits_and_viewers_do_not(client: Client, account: Account) -> None:
    send(client, account, GOOD, FAULTY)
    address = reverse("uploads", args=[account.slug]) + f"?sent={FORM}"
    answers = {}
    for role in Role:
        client.force_login(make_member(account, role))
        answers[role] = client.get(address).status_code
    client.force_login(owner_of(make_account()))
    stranger = client.get(address).status_code

    assert (answers[Role.MEMBER], answers[Role.VIEWER], stranger) == (200, 403, 404)
