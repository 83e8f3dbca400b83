"""Each is refused with words that say what was found and what to do, within seconds and bounded memory."""

from __future__ import annotations

import io
import re
import resource
import struct
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.verification.workbooks import builder
from verification.domain import workbooks
from verification.domain.list_text import ListRefused
from verification.domain.workbooks import package, sheet, texts, xml

AGAIN = "Open it in a spreadsheet program, save it as .xlsx or CSV (UTF-8) and upload that."
LESS = "Save the rows and columns that you need as a new sheet, or as CSV, and upload that."
AS_CSV = "Save the sheet that you need as CSV (UTF-8) and upload that."
JANE = builder.sheet([["jane@ok.test"]])
SHEET = "xl/worksheets/sheet1.xml"


def refusal(tmp_path: Path, content: bytes) -> str:
    path, target = tmp_path / "list.xlsx", tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ListRefused) as refused:
        read(path, target)
    assert list(tmp_path.iterdir()) == [path]
    return str(refused.value)


def read(path: Path, target: Path) -> None:
    assert workbooks.is_workbook(path)
    workbooks.write_csv(path, target, max_rows=1_000_000, max_bytes=100_000_000)


def one(rows: str, **others: str) -> bytes:
    return builder.workbook({"A": builder.data(rows)}, **others)


def with_parts(**more: str | bytes) -> bytes:
    return builder.packed(builder.parts({"A": JANE}) | {name.replace("__", "/"): text for name, text in more.items()})


def with_flag(content: bytes, flag: int) -> bytes:
    """Set a flag of every part, in its own header and in the directory."""
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        for found in re.finditer(re.escape(mark), content):
            place = found.start() + at
            content = content[:place] + struct.pack("<H", flag) + content[place + 2 :]
    return content


def bzip2(contents: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


NOT_WHOLE = f"This is an Excel workbook or another packed file that is damaged or not complete. {AGAIN}"
GOOD = builder.list_of(["jane@ok.test"])
SIMPLE: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: GOOD[:-30], NOT_WHOLE),
    "cut in half": (lambda: GOOD[: len(GOOD) // 2], NOT_WHOLE),
    "no directory": (lambda: b"PK\x03\x04rest", NOT_WHOLE),
    "changed byte": (
        lambda: GOOD.replace(b"PK\x03\x04", b"PK\x03\x05").replace(b"PK\x03\x05", b"PK\x03\x04", 1),
        f"This workbook is damaged or not complete: its part _rels/.rels cannot be read. {AGAIN}",
    ),
    "far row": (
        lambda: one('<row r="1000000000"><c><v>1</v></c></row>'),
        f"The sheet “A” has a row 1000000000: a sheet ends with row 1,048,576. {LESS}",
    ),
    "row of many digits": (
        lambda: one(f'<row r="{"9" * 500}"/>'),
        f"The sheet “A” has a row {'9' * 20}: a sheet ends with row 1,048,576. {LESS}",
    ),
    "column XFD": (
        lambda: one('<row r="3"><c r="XFD3"><v>1</v></c></row>'),
        f"Cell XFD3 of the sheet “A” is in column 16,384; 1,000 columns are possible. {LESS}",
    ),
    "column behind XFD": (
        lambda: one('<row r="3"><c r="XFE3"><v>1</v></c></row>'),
        f"Row 3 of the sheet “A” has a cell XFE3: a sheet ends with column XFD. {LESS}",
    ),
    "no column": (
        lambda: one('<row r="3"><c r="A-1"><v>1</v></c></row>'),
        f"Row 3 of the sheet “A” has a cell A-1: a sheet ends with column XFD. {LESS}",
    ),
    "text that is missing": (
        lambda: one('<row><c t="s"><v>9</v></c></row>', sharedStrings="<sst/>"),
        "Cell A1 of the sheet “A” points at a text that the workbook does not have.",
    ),
    "shared text by the thousand": (
        lambda: one(
            "<row>" + '<c t="s"><v>0</v></c>' * 40 + "</row>",
            sharedStrings=f"<sst><si><t>{'x' * 30_000}</t></si></sst>",
        ),
        f"Cell AH1 of the sheet “A”: its row is longer than 1,000,000 characters. {LESS}",
    ),
    "entities": (
        lambda: builder.workbook({"A": '<!DOCTYPE x [<!ENTITY a "b">]>' + JANE}),
        f"The part {SHEET} of this workbook declares a document type. {AGAIN}",
    ),
    "no XML": (
        lambda: builder.workbook({"A": "<worksheet><sheetData></worksheet>"}),
        f"This workbook is damaged or not complete: its part {SHEET} is no XML at line 1. {AGAIN}",
    ),
    "deep": (
        lambda: one("<row>" * 200 + "</row>" * 200),
        f"The part {SHEET} of this workbook holds more tags, or longer ones, than its cells need. {AGAIN}",
    ),
    "many names": (
        lambda: one("".join(f"<n{at}/>" for at in range(2_000))),
        f"The part {SHEET} of this workbook holds more tags, or longer ones, than its cells need. {AGAIN}",
    ),
    "many attributes": (
        lambda: one("".join(f'<row a{at}=""/>' for at in range(2_000))),
        f"The part {SHEET} of this workbook holds more tags, or longer ones, than its cells need. {AGAIN}",
    ),
    "long tag": (
        lambda: one(f'<row spans="{"1" * 3_000_000}"/>'),
        f"The part {SHEET} of this workbook holds more tags, or longer ones, than its cells need. {AGAIN}",
    ),
    "zip-slip": (
        lambda: with_parts(**{"xl__..__..__..__etc__cron.d__x": "root"}),
        f"This workbook has a part named xl/../../../etc/cron.d/x, outside of itself. {AGAIN}",
    ),
    "entries": (
        lambda: builder.packed(builder.parts({"A": JANE}) | {f"xl/{at}": "" for at in range(3_000)}),
        f"This workbook has 3,006 parts; 2,000 are possible. {AGAIN}".replace("3,006", "3,005"),
    ),
    "many entries": (lambda: builder.packed({f"xl/{at:0100}": "" for at in range(9_000)}), NOT_WHOLE),
    "encrypted part": (
        lambda: with_flag(GOOD, 1),
        "This workbook is encrypted (its part _rels/.rels). Save it without a password.",
    ),
    "packed otherwise": (
        lambda: bzip2(builder.parts({"A": JANE})),
        "This workbook is damaged or not complete: its part _rels/.rels is packed in a way that no spreadsheet program "
        f"uses. {AGAIN}",
    ),
    "encrypted": (
        lambda: b"\xd0\xcf\x11\xe0" + b"\0" * 2_000 + "EncryptedPackage".encode("utf-16-le"),
        "This workbook is protected with a password. Save it without one and upload that.",
    ),
    "missing sheet": (
        lambda: builder.packed({k: v for k, v in builder.parts({"A": JANE}).items() if k != SHEET}),
        f"This workbook is damaged or not complete: its part {SHEET} is missing. {AGAIN}",
    ),
    "no sheets": (lambda: builder.workbook({}), f"This workbook is damaged or not complete: it has no sheet. {AGAIN}"),
    "empty sheets": (lambda: builder.list_of(["", " "]), "This workbook has only empty sheets."),
    "binary": (
        lambda: with_parts(xl__workbook_bin=b"").replace(b"workbook_bin", b"workbook.bin"),
        "This is a binary workbook (.xlsb). " + AGAIN,
    ),
    "document": (
        lambda: builder.packed({"word/document.xml": ""}),
        f"This is a word processor's document, not a list. {AGAIN}",
    ),
    "OpenDocument": (lambda: builder.packed({"content.xml": ""}), f"This is an OpenDocument file. {AGAIN}"),
    "ZIP": (
        lambda: builder.packed({"list.csv": "jane@ok.test"}),
        "This file is packed (ZIP). Unpack it and upload the file inside.",
    ),
}


@pytest.mark.parametrize("name", SIMPLE)
def test_what_is_no_honest_workbook(tmp_path: Path, name: str) -> None:
    build, words = SIMPLE[name]
    assert refusal(tmp_path, build()) == words


def test_two_parts_of_one_name(tmp_path: Path) -> None:
    file = io.BytesIO(GOOD)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr(SHEET, JANE)
    assert refusal(tmp_path, file.getvalue()) == f"This workbook has two parts named {SHEET}. {AGAIN}"


def grows(tmp_path: Path, content: bytes) -> str:
    """Give the refusal of a bomb; it takes neither time nor memory."""
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    words = refusal(tmp_path, content)
    assert time.process_time() - began < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB
    return words


def test_a_part_that_grows_a_thousandfold(tmp_path: Path) -> None:
    content = one("<row><c/></row>" * 1_000_000)
    size = len(builder.data("<row><c/></row>" * 1_000_000))
    assert grows(tmp_path, content) == (
        f"The part {SHEET} of this workbook would grow to {size:,} bytes, more than 100 times its packed size. "
        "Save the rows that you need as CSV (UTF-8) and upload that."
    )


def test_bounds_of_all_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MOST_INFLATED", 2_000_000)
    content = builder.workbook({f"S{at}": builder.data("<row/>" * 100_000) for at in range(5)})
    assert grows(tmp_path, content) == (
        f"This workbook would grow to more than 2 MB (at its part xl/worksheets/sheet4.xml). {AS_CSV}"
    )


def test_idle_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "IDLE_ELEMENTS", 100)
    assert grows(tmp_path, one("<row/>" * 200)) == (
        f"The part {SHEET} of this workbook holds more tags, or longer ones, than its cells need. {AGAIN}"
    )


def test_cells_and_texts_by_the_million(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "MOST_CELLS", 3)
    assert refusal(tmp_path, builder.list_of(["a"] * 4)) == (
        f"Cell D1 of the sheet “Customers”: there are more than 3 cells before it. {LESS}"
    )
    monkeypatch.setattr(texts, "MOST_COUNT", 3)
    assert refusal(tmp_path, one("", sharedStrings=f"<sst>{'<si><t>a</t></si>' * 4}</sst>")) == (
        f"The cells of this workbook hold more than 3 texts, or 128 MB. {AS_CSV}"
    )


def test_a_directory_that_lies_about_sizes(tmp_path: Path) -> None:
    """No more comes out of a part than its directory says, and then the checksum is wrong."""
    content = one("<row><c/></row>" * 100_000)
    real = struct.pack("<I", len(builder.data("<row><c/></row>" * 100_000)))
    assert refusal(tmp_path, content.replace(real, struct.pack("<I", 1_000))) == (
        f"This workbook is damaged or not complete: its part {SHEET} cannot be read. {AGAIN}"
    )


def test_bounds_of_the_account(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(builder.list_of(["email"], ["jane@ok.test"], ["joe@ok.test"]))
    for rows, size, words in (
        (1, 1_000, "The list has more than 1 rows, which is the limit of this account."),
        (2, 20, "The sheet “Customers” holds more than 0 MB of text, which is the limit"),
    ):
        with pytest.raises(ListRefused) as refused:
            workbooks.write_csv(path, tmp_path / "list.csv", max_rows=rows, max_bytes=size)
        assert str(refused.value).startswith(words)
