"""Lists whose rows have several addresses: each is checked, and each row comes back whole."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import Account, Reservation
from tests.factories import make_account
from tests.verification.factories import finish, give_verdict, make_upload, owner_of
from verification.domain import exports, exports_jsonl, exports_xlsx, intake, lists, readings, retries
from verification.domain.cells import RESULT_COLUMNS
from verification.domain.row_filter import EVERYTHING, Chosen, RowFilter
from verification.engine.types import Blame, Reason, Result
from verification.models import Job, Upload

pytestmark = pytest.mark.django_db
LIST = (
    "name,work,home\n"
    "Jane,jane@ok.test,jane@home.test\n"
    "Joe,,joe@home.test\n"
    "Jill,no-at-sign,\n"
    "Bob,,\n"
    "Ann,ann@ok.test,jane@ok.test\n"
)
EMPTY = [""] * len(RESULT_COLUMNS)
BOTH = lists.Reading(column=1, more=(2,))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> None:
    settings.UPLOADS = tmp_path


def read_both(content: str = LIST, reading: lists.Reading = BOTH, account: Account | None = None) -> Upload:
    upload = make_upload(content, account=account)
    readings.read_again(upload=upload, reading=reading)
    return upload


def start(upload: Upload) -> Job:
    column, user = upload.address_column, owner_of(upload.account)
    job = intake.start_list(upload=upload, address_column=column, user=user, now=upload.created_at)
    intake.read_list(job_id=job.pk)
    job.refresh_from_db()
    return job


def exported(job: Job, chosen: Chosen = EVERYTHING) -> list[list[str]]:
    text = b"".join(exports.export_csv(job=job, chosen=chosen)).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def brief(line: list[str]) -> tuple[str, list[str], list[str]]:
    """Give the name in a line, and for both columns of addresses the one checked, and its verdict."""
    size = len(RESULT_COLUMNS)
    return line[0], line[3:5], line[3 + size : 5 + size]


def test_each_address_of_a_row_is_checked() -> None:
    upload = read_both()
    assert (upload.row_count, upload.checks, upload.more_columns) == (5, 7, [2])
    job = start(upload)

    rows = job.checks.order_by("position").values_list("address", "block", "block_index", "classifier")
    assert list(rows) == [
        ("jane@ok.test", 0, 0, ""),
        ("jane@home.test", 0, 1, ""),
        ("joe@home.test", 1, 1, ""),
        ("no-at-sign", 2, 0, "INVALID_FORMAT"),
        ("", 3, 0, "INVALID_FORMAT"),
        ("ann@ok.test", 4, 0, ""),
        ("jane@ok.test", 4, 1, "DUPLICATE"),
    ]
    assert (job.total, job.refused, job.duplicate, job.fault, job.address_columns) == (7, 2, 1, "", [1, 2])
    assert Reservation.objects.get().open == 4


def test_every_row_comes_back_whole_with_what_became_of_each_address() -> None:
    job = finish(start(read_both()))

    header, *rows = exported(job)
    assert header == [
        *("name", "work", "home"),
        *(f"{column}: {ours}" for column in ("work", "home") for ours in RESULT_COLUMNS),
    ]
    assert [brief(row) for row in rows] == [
        ("Jane", ["jane@ok.test", "Ok"], ["jane@home.test", "Ok"]),
        ("Joe", ["", ""], ["joe@home.test", "Ok"]),
        ("Jill", ["no-at-sign", "Bad"], ["", ""]),
        ("Bob", ["", "Bad"], ["", ""]),
        ("Ann", ["ann@ok.test", "Ok"], ["jane@ok.test", "Ok"]),
    ]
    assert rows[1][:12] == ["Joe", "", "joe@home.test", *EMPTY]
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_row_may_lie_in_two_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    job = finish(start(read_both()))
    whole = exported(job)
    monkeypatch.setattr(exports, "ROWS_PER_STATEMENT", size)

    assert exported(job) == whole
    assert [brief(row)[0] for row in exported(job, Chosen(kind=RowFilter.DUPLICATE))[1:]] == ["Ann"]


def test_a_row_with_one_address_that_was_chosen_comes_whole() -> None:
    job = start(read_both())
    give_verdict(job.checks.get(address="jane@ok.test", classifier=""))
    give_verdict(job.checks.get(address="jane@home.test"), Result.BAD, Reason.MAILBOX_FULL, Blame.ADDRESS)

    _, *rows = exported(job, Chosen(kind=RowFilter.BAD))
    assert [brief(row) for row in rows] == [
        ("Jane", ["jane@ok.test", "Ok"], ["jane@home.test", "Bad"]),
        ("Jill", ["no-at-sign", "Bad"], ["", ""]),
        ("Bob", ["", "Bad"], ["", ""]),
    ]


def test_workbooks_and_json_have_them_too() -> None:
    job = finish(start(read_both()))

    with zipfile.ZipFile(io.BytesIO(b"".join(exports_xlsx.export_xlsx(job=job)))) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
    assert (sheet.count("<row>"), sheet.count("home: Status<")) == (6, 1)
    found = [json.loads(line) for line in b"".join(exports_jsonl.export_jsonl(job=job)).splitlines()]
    assert [(one["column"], one["email"], one["original"][0]) for one in found[:3]] == [
        ("work", "jane@ok.test", "Jane"),
        ("home", "jane@home.test", "Jane"),
        ("home", "joe@home.test", "Joe"),
    ]


def test_columns_of_one_name_are_told_apart() -> None:
    job = start(read_both("email,email,=x\na@ok.test,b@ok.test,c@ok.test\n", lists.Reading(column=0, more=(1, 2))))

    assert exported(job)[0][3::9] == [
        "email (column 1): Checked Email Address",
        "email (column 2): Checked Email Address",
        "'=x: Checked Email Address",
    ]


def test_its_export_is_known_when_it_comes_back() -> None:
    job = finish(start(read_both("=name,work,home\n=Jane,+jane@ok.test,joe@ok.test\n")))

    again = make_upload(b"".join(exports.export_csv(job=job)), account=job.account)
    (row,) = lists.rows(again)
    assert (again.columns[0], row[:3]) == ("=name", ["=Jane", "+jane@ok.test", "joe@ok.test"])


def test_undecided_addresses_are_checked_again_with_their_rows() -> None:
    job = start(read_both())
    undecided = (Result.UNVERIFIABLE, Reason.SERVER_IS_CATCH_ALL, Blame.THEIR_POLICY)
    give_verdict(job.checks.get(address="jane@home.test"), *undecided)
    job = finish(job)

    again = retries.bring_undecided(job=job, user=owner_of(job.account), now=job.created_at)
    assert (again.columns, again.address_column) == (["Address to check again", "name", "work", "home"], 0)
    assert list(lists.rows(again)) == [["jane@home.test", "Jane", "jane@ok.test", "jane@home.test"]]


def test_more_addresses_than_allowed_can_be_cut_at_a_row() -> None:
    account = make_account(rows_per_upload=4)
    upload = read_both(account=account)
    assert upload.fault.startswith("The list has 7 addresses; 4 is the limit of this account.")

    readings.read_again(upload=upload, reading=lists.Reading(column=1, more=(2,), cut=True))
    assert (upload.fault, upload.row_count, upload.checks) == ("", 3, 4)
    job = start(upload)
    assert (job.total, job.fault) == (4, "")


def test_another_first_column_needs_another_look() -> None:
    upload = read_both()
    with pytest.raises(lists.ListRefused, match="read another way"):
        intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=upload.created_at)
    with pytest.raises(lists.ListRefused, match="read again first"):
        lists.set_header(upload, has_header=False)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(lists.ListUnclear, match="There is no column 8"):
        read_both(reading=lists.Reading(column=1, more=(7,)))


def test_one_column_changes_nothing() -> None:
    upload = make_upload(LIST)
    job = start(upload)

    assert (upload.more_columns, upload.check_count, job.address_columns) == ([], None, [])
    assert set(job.checks.values_list("block", "block_index")) == {(0, 0)}
    assert exported(job)[0] == ["name", "work", "home", *RESULT_COLUMNS]
