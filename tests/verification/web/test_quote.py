"""The page of a list before it is started: what it would come to, its options, its start, its end."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, AccountConfig, Reservation, Role
from tests.factories import make_account, make_member
from tests.verification.factories import give_verdict, hold_list, make_upload, owner_of
from tests.verification.web.test_lists import refusal, words
from verification.domain import intake, starting
from verification.domain.starting import Options
from verification.engine.types import Blame, Reason, Result
from verification.models import Batch, Job, JobStatus

pytestmark = pytest.mark.django_db
MIXED = "email\na@ok.test\nb@ok.test\na@OK.test\nnobody\n"
MOST_QUERIES = 10


@pytest.fixture
def account(client: Client) -> Account:
    account = make_account(monthly_quota=10)
    client.force_login(owner_of(account))
    return account


def address(name: str, job: Job) -> str:
    return reverse(name, kwargs={"account": job.account.slug, "job_id": job.pk})


def test_a_list_is_quoted_before_it_is_started(client: Client, account: Account) -> None:
    upload = make_upload(MIXED, account=account)
    there = client.post(reverse("upload", args=[account.slug, upload.pk]), {"address_column": "0", "action": "quote"})
    job = Job.objects.get()
    assert there["Location"] == address("job", job)

    assert "Counting Nothing was asked and nothing was charged. Read 0 of 4 rows." in words(
        client.get(there["Location"]).content
    )
    part = client.get(address("job_quote", job))
    assert (part.status_code, b'hx-trigger="every 1500ms"' in part.content) == (200, True)

    intake.read_list(job_id=job.pk)
    part = client.get(address("job_quote", job))
    assert (part.status_code, b"hx-trigger" in part.content) == (286, False)
    page = words(client.get(there["Location"]).content)
    assert "Cost, at most 2 checks Left now 10 Left afterwards 8 Time less than a minute a first guess" in page
    assert "Rows 4 Addresses found 3 No address 1 Duplicates 1 Suppressed 0 To be checked 2" in page
    assert "Scan of files for viruses: off in this account." in page
    assert not Reservation.objects.exists()


def test_the_page_asks_few_questions(
    client: Client, account: Account, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    job = hold_list(MIXED, account=account)
    client.get(address("job", job))

    with django_assert_max_num_queries(MOST_QUERIES):
        assert client.get(address("job", job)).status_code == 200


def test_start_is_done_once(client: Client, account: Account) -> None:
    job = hold_list(MIXED, account=account)

    first, second = (client.post(address("start_job", job), {"greylist_hours": hours}) for hours in ("1", "2"))

    assert [answer["Location"] for answer in (first, second)] == [address("job", job)] * 2
    job.refresh_from_db()
    assert (job.status, job.greylist_hours, Reservation.objects.get().open) == (JobStatus.RUNNING, 1, 2)
    assert "Running" in words(client.get(address("job", job)).content)


def test_a_tab_that_still_counts_is_led_to_the_started_list(client: Client, account: Account) -> None:
    job = hold_list(account=account)
    starting.start(job=job, user=owner_of(account), options=Options())

    part = client.get(address("job_quote", job))

    assert (part.status_code, part["HX-Redirect"]) == (286, address("job", job))


def test_what_is_missing_is_said(client: Client) -> None:
    account = make_account(monthly_quota=1)
    client.force_login(owner_of(account))
    job = hold_list(MIXED, account=account)

    page = client.get(address("job", job)).content
    assert "Not enough: 1 check is missing." in words(page)
    assert re.search(rb'<button type="submit" form="quote-form" class="start" disabled>', page)
    refused = client.post(address("start_job", job))
    assert (refused.status_code, refusal(refused.content)) == (422, "Not enough: 2 needed, 1 left, 1 missing.")
    job.refresh_from_db()
    assert job.waits_for_start


def chosen(page: bytes, name: str) -> list[str]:
    """Give the values of a list of the page, that which is chosen first."""
    found = re.search(rf'<select name="{name}">(.*?)</select>', page.decode(), re.DOTALL)
    assert found
    options = re.findall(r'<option value="(\d+)"( selected)?>', found[1])
    return [value for value, is_chosen in sorted(options, key=lambda option: not option[1])]


def test_options_are_those_of_the_config(client: Client, account: Account) -> None:
    job = hold_list(account=account)
    AccountConfig.objects.filter(account=account).update(greylist_hours=2, antivirus=True)

    page = client.get(address("job", job)).content

    assert chosen(page, "max_age") == ["7200", "0", "86400", "604800", "2592000"]
    assert chosen(page, "greylist_hours") == ["2", "1", "0"]
    assert b'name="catch_all" role="switch" checked' in page
    assert "Scan of files for viruses: on." in words(page)


def test_what_is_off_is_no_option(client: Client, account: Account) -> None:
    AccountConfig.objects.filter(account=account).update(
        result_reuse=False, greylist_retry=False, catch_all_probe=False
    )
    page = client.get(address("job", hold_list(account=account))).content.decode()

    assert [name for name in ("max_age", "greylist_hours", "catch_all") if f'name="{name}"' in page] == []


def test_options_are_taken(client: Client, account: Account) -> None:
    job = hold_list(account=account)
    client.post(address("start_job", job), {"max_age": "86400", "greylist_hours": "0", "asks_for_catch_all": "1"})

    job.refresh_from_db()
    assert (job.max_age, job.greylist_hours, job.switched_off) == (86_400, 0, ["catch_all_probe"])


@pytest.mark.parametrize(
    ("config", "sent", "message"),
    [
        ({"greylist_hours": 2}, {"greylist_hours": "3"}, "This account asks again for at most 2 hours."),
        (
            {"greylist_retry": False},
            {"greylist_hours": "1"},
            "Addresses that are put off are not asked again in this account. Choose “Do not ask again”.",
        ),
        (
            {"result_reuse": False},
            {"max_age": "86400"},
            "Earlier results are not used again in this account. Choose “Never”.",
        ),
        ({}, {"max_age": "2592001"}, "Ensure this value is less than or equal to 2592000."),
        ({}, {"greylist_hours": "x"}, "Enter a whole number."),
        (
            {"uploads": False},
            {},
            "Uploading lists is switched off for this account. Ask us to switch it on.",
        ),
        ({"rows_per_upload": 1}, {}, "2 rows; this account may hand in 1 at once."),
    ],
)
def test_refused_options(
    client: Client, account: Account, config: dict[str, int], sent: dict[str, str], message: str
) -> None:
    job = hold_list("email\na@ok.test\nb@ok.test\n", account=account)
    AccountConfig.objects.filter(account=account).update(**config)

    response = client.post(address("start_job", job), sent)

    assert (response.status_code, refusal(response.content)) == (422, message)
    job.refresh_from_db()
    assert (job.waits_for_start, Reservation.objects.count()) == (True, 0)


def test_a_suspended_account_starts_nothing(client: Client, account: Account) -> None:
    job = hold_list(account=account)
    Account.objects.filter(pk=account.pk).update(status=Account.Status.SUSPENDED)

    response = client.post(address("start_job", job))

    assert refusal(response.content) == "This account is suspended: no new lists can be checked."


def test_a_list_is_thrown_away_unless_it_was_started(client: Client, account: Account) -> None:
    job, started = hold_list(account=account), hold_list(account=account)
    starting.start(job=started, user=owner_of(account), options=Options())

    there = client.post(address("throw_job_away", job))["Location"]
    assert there == reverse("lists", args=[account.slug])
    assert "The list is thrown away. Nothing was charged." in words(client.get(there).content)
    assert client.post(address("throw_job_away", job)).status_code == 404
    there = client.post(address("throw_job_away", started))["Location"]
    assert "This list was started. It can be stopped here." in words(client.get(there).content)
    assert [each.pk for each in Job.objects.of(account)] == [started.pk]


def test_teammates_start_and_viewers_look(client: Client, account: Account) -> None:
    job = hold_list(account=account)
    client.force_login(make_member(account, Role.VIEWER))
    page = client.get(address("job", job)).content
    assert ("To be checked 1" in words(page), b"<button" in page.split(b'id="quote"')[1].split(b"</section>")[0]) == (
        True,
        False,
    )
    assert [client.post(address(name, job)).status_code for name in ("start_job", "throw_job_away")] == [403, 403]

    client.force_login(make_member(account, Role.MEMBER))
    client.post(address("start_job", job))

    job.refresh_from_db()
    assert not job.is_held


def test_a_list_that_waits_is_seen_among_the_lists_and_on_the_dashboard(client: Client, account: Account) -> None:
    hold_list(account=account)
    for name in ("lists", "dashboard"):
        assert "Not started" in words(client.get(reverse(name, args=[account.slug])).content)


LONG = "email\n" + "".join(f"user{number}@ok.test\n" for number in range(8)) + "nobody\n"


def test_a_sample_is_taken_once_and_told_in_words(client: Client, account: Account) -> None:
    job = hold_list(LONG, account=account)
    assert "Check a free sample of 4 first" in words(client.get(address("job", job)).content)

    there = {client.post(address("take_job_sample", job))["Location"] for _ in range(2)}
    assert there == {address("job", job)}
    page = words(client.get(address("job", job)).content)
    assert ("0 of 4 answered." in page, "Check a free sample" in page) == (True, False)
    assert client.get(address("job_sample", job)).status_code == 200

    sampled = Batch.objects.order_by("due_at")[0]
    for number, check in enumerate(job.checks.filter(pk__in=sampled.check_ids)):
        give_verdict(check, *((Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS) if number == 0 else ()))
    sampled.delete()
    part = client.get(address("job_sample", job))
    assert part.status_code == 286
    assert "Of 8 addresses about 75 % (30–95 %) would take mail." in words(part.content)
    assert "Good 3 75 % (30–95 %) Bad 1 25 % (5–70 %)" in words(part.content)
    assert "Cost, at most 4 checks Left now 10 Left afterwards 6" in words(part.content)
    assert "To be checked 8" in words(client.get(address("job", job)).content)
    assert words(part.content).split("Cost")[0] in words(client.get(address("job", job)).content)


def test_the_page_with_a_sample_asks_few_questions(
    client: Client, account: Account, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    job = hold_list(LONG, account=account)
    client.post(address("take_job_sample", job))

    with django_assert_max_num_queries(MOST_QUERIES):
        assert client.get(address("job", job)).status_code == 200


def test_a_refused_sample_says_why(client: Client, account: Account) -> None:
    job = hold_list(account=account)
    answer = client.post(address("take_job_sample", job), follow=True)
    assert "This list is too short for a sample." in words(answer.content)

    Account.objects.filter(pk=account.pk).update(status=Account.Status.SUSPENDED)
    answer = client.post(address("take_job_sample", job), follow=True)
    assert "This account is suspended: no new lists can be checked." in words(answer.content)


def test_back_to_the_columns(client: Client, account: Account) -> None:
    job = hold_list(MIXED, account=account)
    assert job.upload is not None
    there = reverse("upload", args=[account.slug, job.upload.pk])

    assert client.post(address("read_job_again", job))["Location"] == there
    assert client.get(there).status_code == 200
    assert client.get(address("job", job)).status_code == 404

    started = hold_list(account=account)
    starting.start(job=started, user=owner_of(account), options=Options())
    answer = client.post(address("read_job_again", started), follow=True)
    assert "This list cannot be read another way any more." in words(answer.content)


def test_what_was_thrown_away_is_not_found_by_its_file_either(client: Client, account: Account) -> None:
    job = hold_list(account=account)
    assert job.upload is not None
    client.post(address("throw_job_away", job))

    assert client.get(reverse("upload", args=[account.slug, job.upload.pk])).status_code == 404
