from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest
from django.db.models.functions import Now

from accounts.models import Account, LicenseKey
from tests.factories import make_account, make_key
from tests.verification.factories import NOW, finish, give_verdict, make_job, make_list
from verification.domain import history, history_csv, jobs
from verification.domain.history import Place, Wanted, Who, who
from verification.domain.row_filter import RowFilter
from verification.engine.types import Blame, Reason, Result
from verification.models import Check, Job

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_account()


def single(account: Account, address: str, days_ago: int = 0, **fields: object) -> Check:
    """Keep a single check, made some days before NOW."""
    domain = address.rpartition("@")[2].lower()
    check = Check.objects.create(account=account, address=address, domain=domain, **fields)
    Check.objects.filter(pk=check.pk).update(created_at=NOW - timedelta(days=days_ago))
    return check


def dated(job: Job, days_ago: int) -> Job:
    """Have a job's rows made some days before NOW."""
    job.checks.update(created_at=NOW - timedelta(days=days_ago))
    return job


def named(key: LicenseKey, name: str) -> LicenseKey:
    LicenseKey.objects.filter(pk=key.pk).update(name=name)
    return key


def pages(account: Account, wanted: Wanted = history.ALL) -> list[list[str]]:
    """Give the addresses of each page."""
    found, place = [], None
    while True:
        page = history.page(account=account, wanted=wanted, before=place)
        found.append([row.check.address for row in page.rows])
        place = page.older and Place.from_text(page.older.as_text())
        if place is None:
            return found


def addresses(account: Account, **wanted: object) -> list[str]:
    (found,) = pages(account, Wanted(**wanted))  # type: ignore[arg-type]
    return found


def test_single_checks_and_rows_of_lists_newest_first(account: Account) -> None:
    single(account, "old@ok.test", 5)
    dated(make_list("email\na@ok.test\nb@ok.test\n", account=account), 3)
    single(account, "new@ok.test", 1)
    single(make_account(), "theirs@ok.test")
    assert pages(account) == [["new@ok.test", "b@ok.test", "a@ok.test", "old@ok.test"]]


def test_pages_follow_each_other(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE_ROWS", 2)
    for number in range(5):
        single(account, f"a{number}@ok.test", days_ago=number // 2)
    assert pages(account) == [["a1@ok.test", "a0@ok.test"], ["a3@ok.test", "a2@ok.test"], ["a4@ok.test"]]


@pytest.mark.parametrize("few", [5_000, 1], ids=["by the index", "as they are many"])
def test_an_address_is_found_however_it_is_written(account: Account, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(history, "FEW", few)
    single(account, "Jane@OK.test", 3)
    single(account, "joe@ok.test", 2)
    dated(make_list("email\njane@ok.test\nJane <JANE@ok.test>\n", account=account), 1)
    found = ["JANE@ok.test", "jane@ok.test", "Jane@OK.test"]
    assert addresses(account, who=who(" Jane Doe <jane@Ok.test>")) == found
    assert addresses(account, who=who("@OK.test")) == [*found[:2], "joe@ok.test", found[2]]
    assert addresses(account, who=who("jan@ok.test")) == []


def test_an_international_domain_in_both_spellings(account: Account) -> None:
    dated(make_list("email\nana@bücher.test\nana@xn--bcher-kva.test\n", account=account), 1)
    for text in ("ana@bücher.test", "ana@xn--bcher-kva.test", "bücher.test"):
        assert addresses(account, who=who(text)) == ["ana@xn--bcher-kva.test", "ana@bücher.test"]


def test_what_was_refused_as_no_address_is_found_by_its_text(account: Account) -> None:
    dated(make_list("email\nana@@ok.test\nb@ok.test\n", account=account), 1)
    assert addresses(account, who=who("ana@@ok.test")) == ["ana@@ok.test"]


@pytest.mark.parametrize("text", ["", "jane", "@", "a b.test", "x" * 320, "jane doe"])
def test_neither_an_address_nor_a_domain(text: str) -> None:
    assert who(text) is None


def test_by_key_of_the_call_or_of_the_job(account: Account) -> None:
    key, other = make_key(account)[0], make_key(account)[0]
    dated(make_job(["job@ok.test"], account=account, key=key), 2)
    single(account, "call@ok.test", 1, key=key)
    single(account, "other@ok.test", key=other)
    dated(make_list("email\nlist@ok.test\n", account=account), 3)
    single(account, "page@ok.test", 4)
    for one in (key, other):
        one.created_at, one.last_used_at = NOW - timedelta(days=9), NOW
    assert addresses(account, key=key) == ["call@ok.test", "job@ok.test"]
    assert addresses(account, key=other) == ["other@ok.test"]
    assert addresses(account, without_key=True) == ["list@ok.test", "page@ok.test"]


def test_a_key_brings_nothing_before_it_was_made_or_long_after_its_last_use(account: Account) -> None:
    key = make_key(account)[0]
    for days_ago in range(4):
        single(account, f"a{days_ago}@ok.test", days_ago, key=key)
    key.created_at, key.last_used_at = NOW - timedelta(days=2), NOW - timedelta(days=2)
    assert addresses(account, key=key) == ["a2@ok.test"]
    key.last_used_at = None
    assert addresses(account, key=key) == ["a2@ok.test"]


def test_by_list_and_date(account: Account) -> None:
    job = make_list("email\na@ok.test\nb@ok.test\nc@ok.test\n", account=account)
    for position in range(3):
        job.checks.filter(position=position).update(created_at=NOW + timedelta(days=position))
    single(account, "single@ok.test", -1)
    days = {"since": NOW + timedelta(days=1), "until": NOW + timedelta(days=2)}
    assert addresses(account, job=job) == ["c@ok.test", "b@ok.test", "a@ok.test"]
    assert addresses(account, **days) == ["single@ok.test", "b@ok.test"]
    assert addresses(account, job=job, **days) == ["b@ok.test"]
    assert addresses(account, job=job, who=Who("ok.test"), **days) == ["b@ok.test"]


def test_pages_of_a_list(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PAGE_ROWS", 2)
    job = make_list("email\na@ok.test\nb@ok.test\nc@ok.test\n", account=account)
    single(account, "single@ok.test")
    assert pages(account, Wanted(job=job)) == [["c@ok.test", "b@ok.test"], ["a@ok.test"]]


def test_by_verdict(account: Account) -> None:
    text = (
        "email\ngood@ok.test\nbad@ok.test\nfull@ok.test\nlater@ok.test\nany@ok.test\nopen@ok.test\nnone\ngood@ok.test\n"
    )
    job = dated(make_list(text, account=account), 1)
    found = {check.address: check for check in job.checks.order_by("-position")}
    give_verdict(found["good@ok.test"])
    give_verdict(found["bad@ok.test"], Result.BAD, Reason.MAILBOX_DOES_NOT_EXIST, Blame.ADDRESS)
    give_verdict(found["full@ok.test"], Result.BAD, Reason.MAILBOX_FULL, Blame.ADDRESS)
    later = Result.RETRY_LATER, Reason.GREY_LISTING, Blame.THEIR_POLICY
    give_verdict(found["later@ok.test"], *later, final=False)
    give_verdict(found["any@ok.test"], Result.UNVERIFIABLE, Reason.SERVER_IS_CATCH_ALL, Blame.THEIR_POLICY)
    assert {kind.value: addresses(account, kind=kind) for kind in history.KINDS} == {
        "Ok": ["good@ok.test"],
        "Bad": ["none", "full@ok.test", "bad@ok.test"],
        "RetryLater": ["later@ok.test"],
        "Unverifiable": ["any@ok.test"],
        "risky": ["any@ok.test"],
        "undecided": ["any@ok.test", "later@ok.test"],
        "waiting": ["open@ok.test", "later@ok.test"],
        "refused": ["none"],
        "duplicate": ["good@ok.test"],
    }
    assert addresses(account, reason=Reason.MAILBOX_FULL) == ["full@ok.test"]
    jobs.cancel(job=job)
    assert addresses(account, kind=RowFilter.WAITING) == []


@pytest.mark.parametrize("few", [5_000, 0], ids=["by the index", "as they are many"])
def test_single_checks_alone(account: Account, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(history, "FEW", few)
    monkeypatch.setattr(history, "PAGE_ROWS", 2)
    for number in range(5):
        give_verdict(single(account, f"a{number}@ok.test", number // 4))
    dated(make_list("email\nlist@ok.test\n", account=account), 1)
    found = [["a3@ok.test", "a2@ok.test"], ["a1@ok.test", "a0@ok.test"], ["a4@ok.test"]]
    for more in ({}, {"who": who("ok.test")}, {"kind": RowFilter.OK}, {"without_key": True}):
        assert pages(account, Wanted(single=True, **more)) == found
    monkeypatch.setattr(history, "WALK_ROWS", 2)
    walked = pages(account, Wanted(single=True, kind=RowFilter.OK))
    assert [*chain(*walked)] == [*chain(*found)]
    assert b"".join(history_csv.export(account=account, wanted=Wanted(single=True))).count(b"\n") == 6


def test_a_duplicate_shows_the_verdict_of_the_first(account: Account) -> None:
    finish(make_list("email\na@ok.test\na@ok.test\n", account=account))
    rows = history.page(account=account).rows
    assert [row.verdict and row.verdict.result for row in rows] == ["Ok", "Ok"]


def test_rows_of_deleted_lists_are_not_there(account: Account) -> None:
    job = finish(make_list("email\na@ok.test\n", account=account))
    single(account, "b@ok.test")
    jobs.delete(job=job, actor=None)
    assert pages(account) == [["b@ok.test"]]


def test_looking_for_few_among_many_stops_and_goes_on(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "WALK_ROWS", 2)
    for number in range(6):
        give_verdict(single(account, f"a{number}@ok.test", number), Result.OK if number != 3 else Result.BAD)
    first = history.page(account=account, wanted=Wanted(kind=RowFilter.BAD))
    assert (first.rows, first.looked_back_to) == ([], NOW - timedelta(days=1))
    assert pages(account, Wanted(kind=RowFilter.BAD)) == [[], ["a3@ok.test"], [], []]
    assert pages(account, Wanted(job=make_list("email\nb@ok.test\n", account=account))) == [["b@ok.test"]]


def test_a_place_is_written_and_read() -> None:
    place = Place(datetime(2026, 3, 1, 12, 0, 0, 123_456, tzinfo=UTC), 42)
    assert Place.from_text(place.as_text()) == place


@pytest.mark.parametrize("text", ["", "1", "-1", "1-", "a-1", "1-b", "9" * 17 + "-1", "1-" + "9" * 19, "١-1"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        Place.from_text(text)


def lines(account: Account, wanted: Wanted = history.ALL) -> list[dict[str, str]]:
    text = b"".join(history_csv.export(account=account, wanted=wanted)).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_export(account: Account) -> None:
    key = named(make_key(account)[0], "=shop")
    give_verdict(single(account, "=jane@ok.test", 1, key=key), normalized="+jane@ok.test")
    job = dated(make_list("email\njoe@ok.test\njoe@ok.test\nnobody\n", account=account), 2)
    Job.objects.filter(pk=job.pk).update(name="@march")
    give_verdict(job.checks.get(position=0), Result.BAD, Reason.MAILBOX_FULL, Blame.ADDRESS)
    at, before = ((NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") for days in (1, 2))
    checked = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = [list(line.values()) for line in lines(account)]
    refused = found.pop(1)
    assert refused[1:4] == ["nobody", "Bad", "AtSignNotFound"]
    row = ["joe@ok.test", "Bad", "MailboxFull", "address", checked, "0", "", "", "'@march", str(job.pk)]
    assert found == [
        [at, "'=jane@ok.test", "Ok", "Success", "none", checked, "0", "'+jane@ok.test", "", "", "", "", "'=shop"],
        [before, *row, "2", ""],
        [before, *row, "1", ""],
    ]


def test_export_of_what_is_wanted_piece_by_piece(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_csv, "PIECE_ROWS", 2)
    monkeypatch.setattr(history, "WALK_ROWS", 2)
    for number in range(5):
        give_verdict(single(account, f"a{number}@ok.test", number), Result.BAD if number in (0, 4) else Result.OK)
    assert [line["Email Address"] for line in lines(account)] == [f"a{number}@ok.test" for number in range(5)]
    bad = Wanted(kind=RowFilter.BAD)
    assert [line["Email Address"] for line in lines(account, bad)] == ["a0@ok.test", "a4@ok.test"]
    assert [line["Charged"] for line in lines(account, bad)] == ["0", "0"]
    Check.objects.filter(address="a0@ok.test").update(created_at=Now())
    assert [line["Email Address"] for line in lines(account, Wanted(who=who("a0@ok.test")))] == ["a0@ok.test"]
