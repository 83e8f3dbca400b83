from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.verification.factories import NOW, finish, give_verdict, make_job, make_list, make_upload
from verification.domain import exports, lists
from verification.domain.cells import EARLIER_COLUMNS, RESULT_COLUMNS, guard, unguard
from verification.engine.types import Blame, Reason, Result
from verification.models import Job

pytestmark = pytest.mark.django_db
CHECKED = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> None:
    settings.UPLOADS = tmp_path


def exported(job: Job) -> list[list[str]]:
    text = b"".join(exports.export_csv(job=job)).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def test_original_columns_then_ours_in_the_order_of_the_list() -> None:
    job = make_list("name,email\nJane,jane@ok.de\nJoe,no-at-sign\nJill,jane@ok.de\nBob,bob@ok.test\n")
    full = (Result.BAD, Reason.MAILBOX_FULL, Blame.ADDRESS)
    give_verdict(job.checks.get(position=0), *full, normalized="jane@ok.de", did_you_mean="=jane@ok.net")

    header, *rows = exported(job)
    assert header == ["name", "email", *RESULT_COLUMNS]
    verdict = ["Bad", "MailboxFull", "DE", "DE", "address", CHECKED, "jane@ok.de", "'=jane@ok.net"]
    assert rows[0] == ["Jane", "jane@ok.de", "jane@ok.de", *verdict]
    assert rows[1][:8] == ["Joe", "no-at-sign", "no-at-sign", "Bad", "AtSignNotFound", "", "", "address"]
    assert rows[1][9:] == ["", ""]
    assert rows[2] == ["Jill", "jane@ok.de", "jane@ok.de", *verdict]
    assert rows[3] == ["Bob", "bob@ok.test", *[""] * 9]


def test_a_verdict_that_is_not_final_is_shown_as_it_is_now() -> None:
    job = make_list("email\na@ok.test\n")
    give_verdict(job.checks.get(), Result.UNVERIFIABLE, Reason.GREY_LISTING, Blame.THEIR_POLICY, final=False)

    assert exported(job)[1][1:4] == ["a@ok.test", "Unverifiable", "GreyListing"]


def test_job_requests_have_one_column_of_their_own() -> None:
    job = finish(make_job(["a@ok.test"]))

    assert exported(job) == [
        ["email", *RESULT_COLUMNS],
        ["a@ok.test", "a@ok.test", "Ok", "Success", "", "DE", "none", CHECKED, "", ""],
    ]


def test_short_rows_are_filled_up() -> None:
    job = finish(make_list("email,name,city\na@ok.test\n"))

    assert exported(job)[1][:4] == ["a@ok.test", "", "", "a@ok.test"]


def test_pieces_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_PER_STATEMENT", 2)
    job = make_list("email\n" + "".join(f"a{n}@ok.test\n" for n in range(5)))

    assert [row[0] for row in exported(job)[1:]] == [f"a{n}@ok.test" for n in range(5)]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_is_evaluated_by_a_spreadsheet(first: str) -> None:
    cell = f"{first}1+1"

    assert guard(cell) == f"'{cell}"
    assert guard(f"'{cell}") == f"''{cell}"
    assert unguard(guard(cell)) == cell
    assert unguard(guard(f"'{cell}")) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "a=b", "'", "'quoted'", "jane@ok.test", " =1"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert guard(cell) == unguard(cell) == cell


def test_export_and_upload_give_the_original_cells() -> None:
    cells = ["=1+1", "'=1", "-5", "@jane", "'x", 'say "hi"', "a\r\nb", "ü;,\t|", ""]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["=email", *(f"c{n}" for n in range(9))], ["+jane@ok.test", *cells]])
    job = finish(make_list(text.getvalue()))

    again = make_upload(b"".join(exports.export_csv(job=job)), account=job.account)
    (row,) = lists.rows(again)
    assert row[:10] == ["+jane@ok.test", *cells]
    assert row[10:13] == ["+jane@ok.test", "Ok", "Success"]
    assert again.columns[0] == "=email"
    assert again.sample == [row]


def test_exports_of_an_earlier_version_are_known_too() -> None:
    header = ",".join(["email", *EARLIER_COLUMNS])
    (row,) = lists.rows(make_upload(f"{header}\n'+jane@ok.test,'+jane@ok.test,Ok,Success,,,none,{CHECKED}\n"))

    assert row[:2] == ["+jane@ok.test", "+jane@ok.test"]


def test_an_apostrophe_in_a_list_of_others_stays() -> None:
    (row,) = lists.rows(make_upload("email,x\n'+jane@ok.test,'=1\n"))

    assert row == ["'+jane@ok.test", "'=1"]
