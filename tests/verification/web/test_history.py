from __future__ import annotations

import re
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from accounts.models import Account, Role
from tests.factories import make_account, make_key, make_member
from tests.verification.factories import NOW, finish, give_verdict, make_job, make_list, owner_of
from verification.domain import history, jobs
from verification.models import Check, Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_account("The company")


@pytest.fixture
def reader(client: Client, account: Account) -> Client:
    client.force_login(owner_of(account))
    return client


def page(client: Client, account: Account, query: str = "", status: int = 200) -> str:
    response = client.get(reverse("checks", args=[account.slug]) + query)
    assert response.status_code == status
    return response.content.decode()


def shown(text: str) -> list[str]:
    return re.findall(r'<td class="address"><a href="[^"]+">([^<]+)<', text)


def single(account: Account, address: str, at: datetime = NOW) -> Check:
    check = Check.objects.create(account=account, address=address, domain=address.rpartition("@")[2])
    Check.objects.filter(pk=check.pk).update(created_at=at)
    return check


@pytest.mark.parametrize("role", [Role.OWNER, Role.MEMBER, Role.VIEWER])
def test_rows_lead_to_their_evidence_list_and_key(client: Client, account: Account, role: Role) -> None:
    key = make_key(account)[0]
    job = finish(make_job(["jane@ok.test"], account=account, key=key))
    Job.objects.filter(pk=job.pk).update(reference_job="March")
    call = give_verdict(
        Check.objects.create(account=account, address="joe@ok.test", domain="ok.test", key=key)
    ).check_row
    client.force_login(owner_of(account) if role == Role.OWNER else make_member(account, role))
    found = page(client, account)
    base = f"/a/{account.slug}"
    links = [f"{base}/jobs/{job.pk}/rows/1", f"{base}/jobs/{job.pk}", f"{base}/checks/{call.pk}"]
    assert [client.get(link).status_code for link in links if f'href="{link}"' in found] == [200, 200, 200]
    assert (found.count("A key</a>"), found.count("A key")) == ((2, 3) if role == Role.OWNER else (0, 3))
    assert "March</a>" in found
    assert "Kept for 30 days" in found
    assert ("Download all as CSV" in found) == (role != Role.VIEWER)


def test_the_pages_of_a_choice(reader: Client, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE_ROWS", 2)
    for number in range(3):
        single(account, f"a{number}@ok.test")
        single(account, f"a{number}@other.test")
    first = page(reader, account, "?q=ok.test")
    assert shown(first) == ["a2@ok.test", "a1@ok.test"]
    (older,) = re.findall(r'href="(\?q=ok\.test&amp;before=[^"#]+)#rows"', first.replace("&before", "&amp;before"))
    second = page(reader, account, older.replace("&amp;", "&"))
    assert shown(second) == ["a0@ok.test"]
    assert '<a href="?q=ok.test">← Newest</a>' in second


def test_days_are_the_readers(reader: Client, account: Account) -> None:
    single(account, "before@ok.test", datetime(2026, 3, 1, 4, 59, tzinfo=UTC))
    single(account, "first@ok.test", datetime(2026, 3, 1, 5, 0, tzinfo=UTC))
    single(account, "last@ok.test", datetime(2026, 3, 2, 4, 59, tzinfo=UTC))
    single(account, "after@ok.test", datetime(2026, 3, 2, 5, 0, tzinfo=UTC))
    reader.cookies["zone"] = "America/New_York"
    assert shown(page(reader, account, "?since=2026-03-01&until=2026-03-01")) == ["last@ok.test", "first@ok.test"]
    reader.cookies["zone"] = "UTC"
    assert shown(page(reader, account, "?since=2026-03-02")) == ["after@ok.test", "last@ok.test"]


def test_everything_combined(reader: Client, account: Account) -> None:
    key = make_key(account)[0]
    job = finish(make_job(["jane@ok.test", "joe@ok.test"], account=account, key=key))
    single(account, "jane@ok.test")
    query = f"?q=jane@ok.test&verdict=Success&job={job.pk}&key={key.pk}&since=2026-01-01&until=2999-01-01"
    assert shown(page(reader, account, query)) == []  # the key was not used for this job, by the clock
    assert shown(page(reader, account, query.replace(f"&key={key.pk}", ""))) == ["jane@ok.test"]
    assert shown(page(reader, account, "?q=jane@ok.test&key=none&verdict=all")) == ["jane@ok.test"]
    assert shown(page(reader, account, "?job=none&verdict=Success")) == []
    assert shown(page(reader, account, "?job=none")) == ["jane@ok.test"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=jane", "This is neither an email address nor a domain."),
        ("q=%00", "This is neither an email address nor a domain."),
        ("verdict=Splendid", "There is no such verdict."),
        ("job=1", "There is no such list in this account; it may have been deleted."),
        (
            "job=0b4ac3dc-6e4c-4f2a-9f5c-3a5b1f0f6d11",
            "There is no such list in this account; it may have been deleted.",
        ),
        ("key=0", "There is no such key in this account."),
        ("key=99999999999999999999", "There is no such key in this account."),
        ("since=31.3.2026", "Write a day as year-month-day, such as 2026-03-31."),
        ("until=0001-01-01", "Days are from 2000 to 2999."),
        ("until=9999-12-31", "Days are from 2000 to 2999."),
        ("since=2026-03-02&until=2026-03-01", "The last day is before the first one."),
        ("before=1-x", "This link is damaged. Begin with the newest checks."),
    ],
)
def test_what_cannot_be_read(reader: Client, account: Account, query: str, words: str) -> None:
    single(account, "a@ok.test")
    for name in ("checks", "checks_export"):
        response = reader.get(f"{reverse(name, args=[account.slug])}?{query}")
        assert (response.status_code, words in response.content.decode()) == (422, True)
        assert shown(response.content.decode()) == []


def test_lists_and_keys_of_others_are_not_there(reader: Client, account: Account) -> None:
    other = make_job(["jane@ok.test"])
    assert "There is no such list" in page(reader, account, f"?job={other.pk}", status=422)
    assert "There is no such key" in page(reader, account, f"?key={other.key_id}", status=422)


def test_nothing_found_and_nothing_yet(reader: Client, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Nothing was checked yet." in page(reader, account)
    give_verdict(single(account, "jane@ok.test"))
    assert "No check of this kind is kept." in page(reader, account, "?q=joe@ok.test")
    monkeypatch.setattr(history, "WALK_ROWS", 1)
    looking = page(reader, account, "?verdict=Bad")
    assert "Looking on …" in looking
    assert 'hx-trigger="load, click"' in looking


def test_rows_that_wait_are_stopped_or_were_not_taken(reader: Client, account: Account) -> None:
    job = make_list("email\na@ok.test\n", account=account)
    assert '<span class="badge state-parsing">Waiting</span>' in page(reader, account)
    jobs.cancel(job=job)
    assert '<span class="badge">Stopped</span>' in page(reader, account)


def test_a_page_asks_ten_times_at_most(
    reader: Client, account: Account, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = finish(make_list("email\na@ok.test\na@ok.test\n", account=account))
    with django_assert_num_queries(9):
        page(reader, account)
    finish(make_list("email\n" + "a@ok.test\nb@ok.test\nc@ok.test\n" * 2, account=account))
    with django_assert_num_queries(9):
        page(reader, account)
    monkeypatch.setattr(history, "FEW", 0)
    with django_assert_num_queries(10):
        page(reader, account, f"?q=ok.test&job={job.pk}&since=2026-01-01")


def test_the_file(client: Client, account: Account) -> None:
    single(account, "jane@ok.test")
    single(account, "joe@ok.test")
    client.force_login(make_member(account, Role.MEMBER))
    response = client.get(reverse("checks_export", args=[account.slug]) + "?q=jane@ok.test")
    assert response["Content-Disposition"] == f'attachment; filename="{account.slug}-history-some.csv"'
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    lines = response.getvalue().decode().splitlines()
    assert [line.split(",")[1] for line in lines] == ["Email Address", "jane@ok.test"]


def test_the_file_is_not_for_viewers_nor_where_downloads_are_off(client: Client, account: Account) -> None:
    address = reverse("checks_export", args=[account.slug])
    client.force_login(make_member(account, Role.VIEWER))
    assert client.get(address).status_code == 403
    closed = make_account(exports=False)
    single(closed, "jane@ok.test")
    client.force_login(owner_of(closed))
    assert client.get(reverse("checks_export", args=[closed.slug])).status_code == 403
    assert "as CSV" not in page(client, closed)


def test_strangers_find_nothing(client: Client, account: Account) -> None:
    client.force_login(owner_of(make_account()))
    for address in (reverse("checks", args=[account.slug]), reverse("checks_export", args=[account.slug])):
        assert client.get(address).status_code == 404
        assert client.get(address.replace(account.slug, str(uuid4()))).status_code == 404


def test_the_page_of_a_check_says_who_asked_and_how_long_it_is_kept(reader: Client, account: Account) -> None:
    key = make_key(account)[0]
    call = Check.objects.create(account=account, address="jane@ok.test", domain="ok.test", key=key)
    Check.objects.filter(pk=call.pk).update(created_at=datetime(2026, 3, 1, 12, tzinfo=UTC))
    job = finish(make_list("email\njoe@ok.test\njoe@ok.test\n", account=account))
    Job.objects.filter(pk=job.pk).update(finished_at=datetime(2026, 3, 2, 12, tzinfo=UTC))
    second = job.checks.get(position=1)
    pages = [reader.get(f"/a/{account.slug}/checks/{pk}").content.decode() for pk in (call.pk, second.pk)]
    pages.append(reader.get(f"/a/{account.slug}/jobs/{job.pk}/rows/2").content.decode())
    assert ["kept until 31 Mar 2026" in text for text in pages] == [True, False, False]
    assert ["kept until 1 Apr 2026" in text for text in pages] == [False, True, True]
    assert ["Mailbox exists" in text for text in pages] == [False, True, True]
    assert [f"/keys/{key.pk}" in text for text in pages] == [True, False, False]
    assert ["?q=joe%40ok.test" in text or "?q=joe@ok.test" in text for text in pages] == [False, True, True]
    assert f"/checks?key={key.pk}" in reader.get(f"/a/{account.slug}/keys/{key.pk}").content.decode()
    jobs.delete(job=job, actor=None)
    assert reader.get(f"/a/{account.slug}/checks/{second.pk}").status_code == 404


def test_the_page_leads_to_erasing_whom_it_was_asked_for(client: Client, account: Account) -> None:
    single(account, "jane@ok.test")
    for role, leads in ((Role.ADMIN, True), (Role.MEMBER, False)):
        client.force_login(make_member(account, role))
        assert ("settings/erase?email=jane%40ok.test" in page(client, account, "?q=jane@ok.test")) == leads
        assert "settings/erase?email" not in page(client, account, "?q=ok.test")
