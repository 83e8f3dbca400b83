"""Lists packed with gzip go the way of what is in them."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.factories import make_account
from tests.verification.factories import make_upload
from tests.verification.workbooks import builder
from verification.domain import lists, readings
from verification.domain.list_text import ListRefused

pytestmark = pytest.mark.django_db

DAMAGED = "The packed file (gzip) is damaged or not complete. Pack it again."
GOOD = gzip.compress(b"mail;note\njane@ok.test;x\n", mtime=0)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.UPLOADS = tmp_path / "uploads"
    return tmp_path / "uploads"


@pytest.mark.parametrize(
    "content",
    [GOOD, gzip.compress(builder.list_of(["mail", "note"], ["jane@ok.test", "x"]))],
    ids=["text", "workbook"],  # a name made of the bytes would hold the time, and differ between two processes
)
def test_a_packed_list_is_read(folder: Path, content: bytes) -> None:
    upload = make_upload(content, filename="list.csv.gz")
    assert (upload.filename, upload.size) == ("list.csv.gz", len(content))
    assert list(lists.rows(upload)) == [["jane@ok.test", "x"]]
    assert [(path.name, path.stat().st_mode & 0o777) for path in folder.iterdir()] == [(str(upload.pk), 0o600)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD[:-5], DAMAGED),
        (GOOD[:12] + b"xxxx" + GOOD[16:], DAMAGED),
        (GOOD + b"more", DAMAGED),
        (GOOD[:2], DAMAGED),
        (gzip.compress(GOOD), "This file is packed (gzip). Unpack it and upload the file inside."),
        (gzip.compress(b""), "The file is empty."),
    ],
    ids=["cut", "changed", "trailing", "head", "twice", "empty"],
)
def test_refusals_leave_nothing(folder: Path, content: bytes, words: str) -> None:
    with pytest.raises(ListRefused) as refused:
        make_upload(content)
    assert str(refused.value) == words
    assert list(folder.iterdir()) == []


def test_a_text_that_is_too_big_is_kept_up_to_its_last_whole_line(folder: Path) -> None:
    content = "mail;note\n" + "jane@ok.test;ä\n" * 70_000
    upload = make_upload(gzip.compress(content.encode()), account=make_account(upload_megabytes=1))

    assert upload.fault == f"The packed file holds more than 1 MB, which is the limit. {readings.TAKE_SOME}"
    kept = upload.path.read_text()
    assert (content.startswith(kept), kept.endswith("ä\n"), len(kept.encode()) > 1_000_000 - 17) == (True, True, True)
    assert (upload.can_be_cut, upload.row_count) == (True, kept.count("\n") - 1)


def test_a_workbook_or_wide_text_that_is_too_big_is_no_use(folder: Path) -> None:
    for content in (b"PK\x03\x04\n" + bytes(1_000_000), "a@ok.test\n".encode("utf-16") * 60_000):
        with pytest.raises(ListRefused) as refused:
            make_upload(gzip.compress(content), account=make_account(upload_megabytes=1))
        assert str(refused.value).startswith("The packed file holds more than 1 MB")
    assert list(folder.iterdir()) == []


def test_a_bomb(folder: Path) -> None:
    bomb = gzip.compress(bytes(30_000_000), mtime=0)
    tracemalloc.start()
    with pytest.raises(ListRefused) as refused:
        make_upload(bomb, account=make_account(upload_megabytes=2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert str(refused.value) == (
        "The packed file holds more than 2 MB, which is the limit. Split it into smaller files."
    )
    assert peak < 3_000_000
    assert list(folder.iterdir()) == []
