"""Rows of a job: looked through in parts, shown one by one, downloaded as they were chosen."""

from __future__ import annotations

import csv
import gzip
import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.verification.factories import give_verdict, make_list
from tests.verification.web.test_jobs import account, job, page_of, row_numbers
from verification.domain import job_rows
from verification.engine.types import (
    Attempt,
    Blame,
    CatchAll,
    CatchAllState,
    Evidence,
    MailHostsOutcome,
    Meaning,
    Reason,
    Result,
    Stage,
)
from verification.models import Job

pytestmark = pytest.mark.django_db
__all__ = ["account", "job"]  # fixtures


def follow(client: Client, job: Job, rel: str, query: str) -> list[tuple[str, list[int]]]:
    """Go from page to page; give what each says of its link and its rows."""
    seen = []
    while query:
        response = page_of(client, job, query=query)
        link = re.search(rf'href="(\?[^"#]+)#rows" rel="{rel}"[^>]*>([^<]+)<', response.content.decode())
        seen.append((link[2] if link else "", row_numbers(response)))
        query = link[1].replace("&amp;", "&") if link else ""
    return seen


def test_rare_rows_are_looked_for_in_parts(client: Client, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_rows, "WALK_ROWS", 1)
    on = "Look on →"
    assert follow(client, job, "next", "?q=c@") == [(on, []), (on, []), ("", [5])]
    assert follow(client, job, "next", "?show=Bad&q=no-") == [(on, [3]), ("", [])]
    assert follow(client, job, "next", "?q=a@&sort=end") == [(on, [4]), (on, []), ("", [1])]
    assert follow(client, job, "prev", "?q=a@&before=4")[0][1] == [4]

    page = page_of(client, job, query="?q=c@").content.decode()
    assert "Nothing among the rows looked at so far" in page
    assert 'hx-trigger="load, click"' in page


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("?sort=address", [[1, 4], [2, 5], [3]]),
        ("?sort=-address", [[3, 5], [2, 4], [1]]),
        ("?sort=verdict", [[2, 3], [1]]),
        ("?sort=-verdict", [[1, 3], [2]]),
        ("?show=Bad&sort=address", [[2, 3]]),
    ],
)
def test_sorted_rows_are_paged(
    client: Client, job: Job, monkeypatch: pytest.MonkeyPatch, query: str, pages: list[list[int]]
) -> None:
    monkeypatch.setattr(job_rows, "PAGE_ROWS", 2)
    assert [rows for _, rows in follow(client, job, "next", query)] == pages
    last = job.checks.get(position=pages[-1][0] - 1).pk
    before = follow(client, job, "prev", f"{query}&before={last}")
    assert [rows for _, rows in before] == pages[-2::-1] if len(pages) > 1 else [[]]


def test_sorted_rows_are_looked_for_in_parts(client: Client, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_rows, "WALK_ROWS", 1)
    pages = follow(client, job, "next", "?sort=address&q=c@")
    assert [rows for _, rows in pages] == [[], [5], []]
    pages = follow(client, job, "next", "?sort=-verdict&blame=address")
    assert [rows for _, rows in pages] == [[3], [2]]


def test_heads_are_links_that_sort(client: Client, job: Job) -> None:
    page = page_of(client, job, query="?show=Bad&sort=address").content.decode()
    heads = re.findall(r'<th scope="col"[^>]* aria-sort="(\w+)"><a href="([^"]+)" title="[^"]+">(\w+)</a></th>', page)
    assert heads == [
        ("none", "?show=Bad#rows", "Row"),
        ("ascending", "?show=Bad&amp;sort=-address#rows", "Address"),
        ("none", "?show=Bad&amp;sort=verdict#rows", "Verdict"),
    ]
    assert '<option value="address" selected>' in page
    assert "left out of this order" not in page
    assert "left out of this order" in page_of(client, job, query="?sort=verdict").content.decode()


def test_the_page_is_packed_for_those_who_unpack(client: Client, job: Job) -> None:
    here = reverse("job", args=[job.account.slug, job.pk])
    packed = client.get(here, headers={"accept-encoding": "gzip, br"})
    assert (packed["Content-Encoding"], "Accept-Encoding" in packed["Vary"]) == ("gzip", True)
    assert b"a@ok.test" in gzip.decompress(packed.content)
    assert "Content-Encoding" not in client.get(here)


def test_a_cursor_of_another_list_leads_nowhere(client: Client, job: Job) -> None:
    other = make_list("email\nb@ok.test\n").checks.get().pk
    assert row_numbers(page_of(client, job, query=f"?sort=address&after={other}")) == []


def test_a_choice_costs_one_question_more(
    client: Client, job: Job, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    page_of(client, job)
    with django_assert_num_queries(10):
        page_of(client, job, query="?q=a@&blame=none&provider=Google")


def test_what_was_chosen_is_in_the_links(client: Client, job: Job) -> None:
    page = page_of(client, job, query="?show=Bad&blame=address&q=%22%26b&sort=end").content.decode()
    query = "show=Bad&amp;blame=address&amp;q=%22%26b&amp;sort=end"
    export = reverse("job_export", args=[job.account.slug, job.pk])
    assert f'href="{export}?{query}"' in page
    assert 'href="?show=Ok&amp;blame=address&amp;q=%22%26b&amp;sort=end#rows"' in page
    assert 'value="&quot;&amp;b"' in page
    assert '<option value="address" selected>' in page


def evidence() -> Evidence:
    said = Attempt(Stage.RCPT, "mx.ok.test", "192.0.2.1", "", 550, "5.1.1", "<b>gone", meaning=Meaning.NO_MAILBOX)
    return Evidence(
        mail_hosts=MailHostsOutcome.FOUND,
        mail_hosts_detail="MX 10 mx.ok.test",
        provider="Google",
        attempts=(said,),
        catch_all=CatchAll(CatchAllState.NO, 1, "mx.ok.test"),
    )


def test_one_row(client: Client, job: Job) -> None:
    check = job.checks.get(position=4)
    bad = (Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS)
    give_verdict(check, *bad, evidence=evidence().as_dict(), did_you_mean="c@okay.test")
    page = client.get(reverse("job_row", args=[job.account.slug, job.pk, 5]) + "?show=Bad&q=c").content.decode()

    assert f'href="{reverse("job", args=[job.account.slug, job.pk])}?show=Bad&amp;q=c#rows"' in page
    said = [
        re.sub(r"<[^>]+>|\s+", " ", part).strip() for part in re.findall(r"<li>(.*?)</li>", page.split("<ol")[1], re.S)
    ]
    assert [re.sub(r" +", " ", line) for line in said] == [
        "DNS MX 10 mx.ok.test The domain has mail servers.",
        "mx.ok.test [192.0.2.1] 0 ms 550 5.1.1 to RCPT TO: &lt;b&gt;gone There is no such mailbox.",
        "mx.ok.test 1970-01-01 00:00:01 UTC asked for a random recipient of this domain "
        "It refuses names that do not exist, so its yes can be trusted.",
    ]
    for words in ("No such mailbox", "Take it off your list: it would bounce.", "c@okay.test", "The address itself"):
        assert words in page


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (3, "No @ in it"),
        (4, "Same as row 1: checked once, charged once"),
        (5, "This address is still to be asked."),
    ],
)
def test_rows_of_other_kinds(client: Client, job: Job, number: int, words: str) -> None:
    assert words in client.get(reverse("job_row", args=[job.account.slug, job.pk, number])).content.decode()


@pytest.mark.parametrize("number", [0, 6, 10**30])
def test_no_such_row(client: Client, job: Job, number: int) -> None:
    assert client.get(reverse("job_row", args=[job.account.slug, job.pk, number])).status_code == 404


@pytest.mark.parametrize(
    ("query", "name", "addresses"),
    [
        ("?show=Ok", "customers-good.csv", ["a@ok.test"]),
        ("?show=Bad", "customers-bad.csv", ["b@ok.test", "no-at-sign"]),
        ("?show=undecided", "customers-undecided.csv", []),
        ("?show=Bad&provider=Google", "customers-bad-some.csv", ["b@ok.test"]),
        ("?q=a@", "customers-checked-some.csv", ["a@ok.test", "a@ok.test"]),
    ],
)
def test_the_rows_that_were_chosen_are_downloaded(
    client: Client, job: Job, query: str, name: str, addresses: list[str]
) -> None:
    here = [job.account.slug, job.pk]
    answer = client.get(reverse("job_export", args=here) + query)
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert [row["email"] for row in rows] == addresses
    assert client.get(reverse("job_export_xlsx", args=here) + query).getvalue()[:2] == b"PK"
    lines = client.get(reverse("job_export_jsonl", args=here) + query).getvalue().splitlines()
    assert len(lines) == len(addresses)


def test_bars_of_providers(client: Client, job: Job) -> None:
    for name in ("job", "job_progress"):
        page = page_of(client, job, name).content.decode()
        labels = re.findall(r'provider=(\w+)#rows">([^<]+)</a></th>\s*<td><svg[^>]*aria-label="([^"]+)"', page)
        assert labels == [("Google", "Google", "1 bad"), ("other", "Other or none", "1 good, 1 bad")]


def test_tallies_tell_providers_apart(client: Client, job: Job) -> None:
    other = make_list(account=job.account)
    assert "By provider" not in page_of(client, other).content.decode()
