"""A workbook that is uploaded goes the way of any list, and another of its sheets may be chosen before it starts."""

from __future__ import annotations

import csv
import io
import os
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.factories import make_account
from tests.verification.factories import finish, make_list, make_upload, owner_of
from tests.verification.workbooks import builder
from verification.domain import erasures, exports, exports_xlsx, lists, readings, sweeper
from verification.domain.lists import ListRefused
from verification.models import Job, Upload

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = builder.sheet([["name", "mail; other"], ["Jane; Doe", "jane@ok.test"], ["O'Neil", "x\ty;z"]])
MORE = builder.sheet([["joe@ok.test", "+1"]])
TWO = builder.workbook({"Notes": builder.sheet([]), "People": PEOPLE, "More": MORE})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.UPLOADS = tmp_path / "uploads"
    return tmp_path / "uploads"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_workbook_is_kept_as_the_text_of_a_sheet(folder: Path) -> None:
    upload = make_upload(TWO, filename="people.xlsx")

    upload.refresh_from_db()
    assert (upload.filename, upload.size, upload.encoding, upload.delimiter) == ("people.xlsx", len(TWO), "utf-8", ",")
    assert (upload.sheet, upload.sheets) == ("People", ["Notes", "People", "More"])
    assert (upload.columns, upload.address_column, upload.row_count) == (["name", "mail; other"], 1, 2)
    assert list(lists.rows(upload)) == [["Jane; Doe", "jane@ok.test"], ["O'Neil", "x\ty;z"]]
    assert names(folder) == [str(upload.pk), f"{upload.pk}.xlsx"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_another_sheet(folder: Path) -> None:
    upload = make_upload(TWO)
    readings.choose_sheet(upload=upload, sheet="More")

    upload.refresh_from_db()
    assert (upload.sheet, upload.columns, upload.row_count) == ("More", ["Email", "Column 2"], 1)
    assert list(lists.rows(upload)) == [["joe@ok.test", "+1"]]
    with pytest.raises(ListRefused, match="is empty"):
        readings.choose_sheet(upload=upload, sheet="Notes")
    assert list(lists.rows(upload)) == [["joe@ok.test", "+1"]]
    assert names(folder) == [str(upload.pk), f"{upload.pk}.xlsx"]


def test_a_sheet_without_addresses_is_kept_for_the_others(folder: Path) -> None:
    upload = make_upload(builder.workbook({"A": builder.sheet([["words, words"]]), "B": MORE}))

    upload.refresh_from_db()
    assert upload.fault == "No column holds e-mail addresses. The list needs one address in each row."
    assert upload.sample == [["words, words"]]
    readings.choose_sheet(upload=upload, sheet="B")
    upload.refresh_from_db()
    assert (upload.fault, upload.sheet, upload.row_count, upload.version) == ("", "B", 1, 1)


def test_no_other_sheet_once_it_has_started(folder: Path) -> None:
    job = make_list(TWO)
    upload = job.upload
    assert upload is not None
    assert names(folder) == []
    with pytest.raises(ListRefused, match=r"The other sheets of this workbook are gone\."):
        readings.choose_sheet(upload=upload, sheet="More")


def test_a_workbook_of_one_sheet_is_not_kept(folder: Path) -> None:
    upload = make_upload(builder.workbook({"More": MORE}))
    assert names(folder) == [str(upload.pk)]


def test_a_refused_workbook_leaves_nothing(folder: Path) -> None:
    with pytest.raises(ListRefused, match="damaged or not complete"):
        make_upload(TWO[:-9])
    assert names(folder) == []
    assert not Upload.objects.exists()


def test_a_sheet_with_too_much_text_is_kept_up_to_a_whole_row(folder: Path) -> None:
    rows = [[f"a{n}@ok.test", "x" * 300_000] for n in range(4)]
    upload = make_upload(builder.workbook({"A": builder.sheet(rows)}), account=make_account(upload_megabytes=1))

    assert upload.fault == (
        "The sheet “A” holds more than 1 MB of text, which is the limit of this account. "
        "Take its first rows, or split it and bring its parts."
    )
    assert (upload.can_be_cut, upload.row_count) == (True, 4)
    assert [cells[0] for cells in lists.rows(upload)] == ["a0@ok.test", "a1@ok.test", "a2@ok.test", "a3@ok.test"]


def test_original_columns_come_back(folder: Path) -> None:
    job = finish(make_list(TWO))
    text = b"".join(exports.export_csv(job=job)).decode()
    assert [row[:2] for row in csv.reader(io.StringIO(text))] == [
        ["name", "mail; other"],
        ["Jane; Doe", "jane@ok.test"],
        ["O'Neil", "x\ty;z"],
    ]


def test_our_own_workbook_gives_the_original_cells(folder: Path) -> None:
    first = finish(make_list("mail,note\njane@ok.test,'=1+1\njoe@ok.test,=2\n"))
    again = make_upload(b"".join(exports_xlsx.export_xlsx(job=first)))
    assert [cells[:2] for cells in lists.rows(again)] == [["jane@ok.test", "'=1+1"], ["joe@ok.test", "=2"]]


def test_orphans_go_with_their_workbooks(folder: Path) -> None:
    upload = make_upload(TWO)
    old = time.time() - 100 * 3600
    for path in folder.iterdir():
        os.utime(path, (old, old))
    sweeper.remove_orphan_files()
    assert names(folder) == [str(upload.pk), f"{upload.pk}.xlsx"]
    upload.delete()
    sweeper.remove_orphan_files()
    assert names(folder) == []
    assert not Job.objects.exists()


def test_an_address_on_another_sheet_is_erased(folder: Path) -> None:
    account = make_upload(TWO).account
    for email, left in (("jim@ok.test", 2), ("joe@ok.test", 0)):
        erasures.ask(account=account, email=email, actor=owner_of(account))
        sweeper.Sweeper().erase()
        assert (len(names(folder)), Upload.objects.count()) == (left, bool(left))
