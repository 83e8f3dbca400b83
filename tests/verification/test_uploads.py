from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.domain.config import FeatureDisabled
from accounts.models import Account
from tests.factories import make_account
from tests.verification.factories import NOW, make_upload, owner_of
from verification.domain import lists, uploads
from verification.domain.lists import ListRefused
from verification.domain.uploads import UploadRefused
from verification.models import Upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.UPLOADS = tmp_path / "uploads"
    return tmp_path / "uploads"


def test_a_list_is_kept_with_what_was_found(folder: Path) -> None:
    upload = make_upload("name;email\nJane;jane@ok.test\n")

    assert [path.name for path in folder.iterdir()] == [str(upload.pk)]
    assert stat.S_IMODE(upload.path.stat().st_mode) == 0o600
    upload.refresh_from_db()
    assert (upload.filename, upload.size, upload.encoding, upload.delimiter) == ("customers.csv", 29, "utf-8", ";")
    assert (upload.columns, upload.address_column, upload.row_count) == (["name", "email"], 1, 1)
    assert list(lists.rows(upload)) == [["Jane", "jane@ok.test"]]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\lists\\may.csv", "may.csv"),
        ("a\r\nb\0.csv", "ab.csv"),
        ("", "list.csv"),
        ("x" * 300, "x" * 255),
    ],
)
def test_names_are_made_harmless(sent: str, kept: str) -> None:
    assert make_upload(filename=sent).filename == kept


def assert_refused(folder: Path, account: Account, kind: type[Exception], words: str, content: str | bytes) -> None:
    with pytest.raises(kind) as refused:
        make_upload(content, account=account)
    assert str(refused.value) == words
    assert not Upload.objects.exists()
    assert list(folder.glob("*")) == []


def test_an_unreadable_list_leaves_nothing(folder: Path) -> None:
    assert_refused(folder, make_account(), ListRefused, "The file is empty.", b"")


def test_too_many_bytes(folder: Path) -> None:
    account = make_account(upload_megabytes=1)
    words = (
        "The file is larger than 1 MB, which is the limit of this account. "
        "Split it into smaller files, or take out columns that you do not need."
    )

    make_upload("a@ok.test\n" * 100_000, account=account).delete()
    next(folder.iterdir()).unlink()
    assert_refused(folder, account, ListRefused, words, "a@ok.test\n" * 100_001)


def test_too_many_rows_are_kept_and_told_of(folder: Path) -> None:
    upload = make_upload("a@ok.test\n" * 3, account=make_account(rows_per_upload=2))

    assert upload.fault == (
        "The list has 3 rows; 2 is the limit of this account. Take its first rows, or split it and bring its parts."
    )
    assert (upload.row_count, upload.can_be_cut, upload.path.read_text()) == (2, True, "a@ok.test\n" * 3)


def test_uploads_switched_off(folder: Path) -> None:
    words = "Feature uploads is disabled in AccountConfig for this account/domain"
    assert_refused(folder, make_account(uploads=False), FeatureDisabled, words, "a@ok.test\n")


def test_a_suspended_account(folder: Path) -> None:
    words = "This account is suspended: no new lists can be checked."
    assert_refused(folder, make_account(status=Account.Status.SUSPENDED), UploadRefused, words, "a@ok.test\n")


def test_a_sender_that_hangs_up_leaves_nothing(folder: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"email\n"
        raise ConnectionResetError

    account = make_account()
    with pytest.raises(ConnectionResetError):
        uploads.receive(account=account, user=owner_of(account), chunks=broken(), filename="x.csv", now=NOW)
    assert list(folder.iterdir()) == []
    assert not Upload.objects.exists()
