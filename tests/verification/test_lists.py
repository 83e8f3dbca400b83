from __future__ import annotations

import codecs
import gzip
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from pytest_django import Settings

from verification.domain import lists
from verification.domain.lists import ListRefused, Look
from verification.models import Upload

PEOPLE = "name;e-mail;city\nJane;jane@ok.test;Zürich\nJoe;joe@ok.test;Bern\n"


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, settings: Settings) -> None:
    settings.UPLOADS = tmp_path


def written(content: bytes | str) -> Upload:
    """Put a list file on disk, under an upload that is not looked at yet."""
    upload = Upload(filename="list.csv")
    upload.path.write_bytes(content.encode() if isinstance(content, str) else content)
    return upload


def looked_at(content: bytes | str, max_rows: int | None = None) -> tuple[Look, list[list[str]]]:
    """Give what a look finds, and the rows read by it."""
    upload = written(content)
    found = lists.look(upload.path, filename=upload.filename, max_rows=max_rows)
    upload.encoding, upload.delimiter = found.encoding, found.delimiter
    upload.has_header, upload.columns = found.has_header, found.columns
    return found, list(lists.rows(upload))


def refusal(content: bytes | str, max_rows: int | None = None) -> tuple[str, int | None]:
    with pytest.raises(ListRefused) as refused:
        looked_at(content, max_rows)
    return str(refused.value), refused.value.line


def test_look_finds_out_how_to_read_a_list() -> None:
    found, rows = looked_at(PEOPLE)

    assert rows == [["Jane", "jane@ok.test", "Zürich"], ["Joe", "joe@ok.test", "Bern"]]
    assert found == Look(
        encoding="utf-8",
        delimiter=";",
        has_header=True,
        columns=["name", "e-mail", "city"],
        address_columns=[1],
        row_count=2,
        sample=rows,
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(delimiter: str) -> None:
    found, rows = looked_at(PEOPLE.replace(";", delimiter))

    assert found.delimiter == delimiter
    assert rows[0] == ["Jane", "jane@ok.test", "Zürich"]


def test_a_decimal_comma_is_no_delimiter() -> None:
    found, rows = looked_at("email;amount\na@ok.test;1,5\nb@ok.test;2,75\n")

    assert found.delimiter == ";"
    assert rows == [["a@ok.test", "1,5"], ["b@ok.test", "2,75"]]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", ["", "end"])
def test_one_address_a_line(line_end: str, last: str) -> None:
    found, rows = looked_at(
        line_end.join(["a@ok.test", '"b@ok.test"', "", "  ", '"john doe"@ok.test']) + (last and line_end)
    )

    assert (found.delimiter, found.has_header, found.columns, found.row_count) == ("", False, ["Email"], 3)
    assert rows == [["a@ok.test"], ["b@ok.test"], ['"john doe"@ok.test']]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (PEOPLE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + PEOPLE.encode(), "utf-8-sig"),
        (PEOPLE.encode("utf-16"), "utf-16"),
        (codecs.BOM_UTF16_BE + PEOPLE.encode("utf-16-be"), "utf-16"),
        (PEOPLE.encode("utf-32"), "utf-32"),
        (PEOPLE.replace("Bern", "Nîmes – “Gard”").encode("cp1252"), "cp1252"),
    ],
)
def test_encodings(content: bytes, encoding: str) -> None:
    found, rows = looked_at(content)

    assert found.encoding == encoding
    assert rows[0] == ["Jane", "jane@ok.test", "Zürich"]


def test_other_scripts_are_read_by_their_letters() -> None:
    text = "имя;почта\n" + "".join(f"Иван Петров Сергеевич;ivan{n}@ok.test\n" for n in range(50))
    found, rows = looked_at(text.encode("cp1251"))

    assert found.encoding == "cp1251"
    assert rows[0] == ["Иван Петров Сергеевич", "ivan0@ok.test"]


def test_bytes_of_no_encoding_at_all_are_still_rows() -> None:
    found, rows = looked_at(b"email,x\na@ok.test,\x81\x8d\n")

    assert len(rows) == found.row_count == 1
    assert rows[0][0] == "a@ok.test"


def test_a_list_without_header() -> None:
    found, rows = looked_at("Jane,jane@ok.test\nJoe,joe@ok.test\n")

    assert (found.has_header, found.columns) == (False, ["Column 1", "Email"])
    assert len(rows) == 2


def test_several_address_columns_are_all_told() -> None:
    found, _ = looked_at("id,work,home\n1,a@ok.test,b@ok.test\n2,c@ok.test,\n")

    assert found.address_columns == [1, 2]


def test_display_names_are_addresses_too() -> None:
    found, _ = looked_at("contact;city\nJane <jane@ok.test>;Bern\nJoe <joe@ok.test>;Bern\n")

    assert found.address_columns == [0]


def test_a_column_of_bad_addresses_is_still_the_address_column() -> None:
    found, _ = looked_at("nr,email\n1,a..b@ok.test\n2,a@b@ok.test\n3,nobody\n")

    assert found.address_columns == [1]


def test_rows_may_be_shorter_and_longer() -> None:
    found, rows = looked_at("email,name\na@ok.test\nb@ok.test,Bob,extra\n\n,\nc@ok.test,Carl\n")

    assert rows == [["a@ok.test"], ["b@ok.test", "Bob", "extra"], ["c@ok.test", "Carl"]]
    assert found.columns == ["email", "name", ""]
    assert found.sample[0] == ["a@ok.test", "", ""]
    assert found.row_count == 3


def test_quoted_cells() -> None:
    content = 'email,note\r\na@ok.test,"says ""hi"", twice\r\nover two lines"\r\n'
    _, rows = looked_at(content)

    assert rows == [["a@ok.test", 'says "hi", twice\r\nover two lines']]


def test_the_sample_is_short() -> None:
    found, _ = looked_at("email,note\n" + f"a@ok.test,{'x' * 5000}\n" * 50)

    assert len(found.sample) == 20
    assert found.sample[0] == ["a@ok.test", "x" * 200]
    assert found.row_count == 50


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"", "The file is empty.", None),
        ("\n \n\r\n", "list.csv has only blank rows.", None),
        (b"PK\x03\x04rest", "This is an Excel workbook or another packed file, not a text file.", None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "This is an old Excel workbook, not a text file.", None),
        (b"%PDF-1.7", "This is a PDF document, not a list.", None),
        (gzip.compress(b"a@ok.test", mtime=0), "This file is packed (gzip).", None),
        (b"email\na@ok.test\nb@\0ok.test\n", "Line 3 holds a NUL byte: this is no plain text file.", 3),
        ("email\nb@\0ok.test\n".encode("utf-16"), "Line 2 holds a NUL byte: this is no plain text file.", 2),
        ("name,phone\nJane,123\n@jane,456\n", "No column holds e-mail addresses.", None),
        ("name,email\n", "No column holds e-mail addresses.", None),
        (codecs.BOM_UTF8 + b"email\na@ok.test\nZ\xfcrich\n", "Line 3 is not valid UTF-8.", 3),
        (
            "a@ok.test,ü\nb@ok.test,é\n".encode() + b"c@ok.test,\xfc\n",
            "Line 3 is not valid UTF-8, while others are.",
            3,
        ),
        ("a@ok.test\nb@ok.test\n".encode("utf-16") + b"x", "Line 3 is not valid UTF-16.", 3),
        ("a@ok.test,x\n" + "x" * 5_000_000, "Line 2 is longer than 1,000,000 characters.", 2),
        ('email,name\na@ok.test,Ann\nb@ok.test,"Bob\nc@ok.test,Carl\n', "Line 3: the quotation marks do not match.", 3),
        ('email,name\na@ok.test,"Ann" Bell\n', "Line 2: the quotation marks do not match.", 2),
        ("a@ok.test" + "," * 1_000 + "\n", "Row 1 has 1,001 columns; 1,000 are possible.", None),
    ],
)
def test_refusals(content: bytes | str, message: str, line: int | None) -> None:
    words, at = refusal(content)

    assert words.startswith(message)
    assert at == line


def test_more_rows_than_allowed() -> None:
    content = "email\n" + "a@ok.test\n" * 4

    assert looked_at(content, max_rows=4)[0].row_count == 4
    assert refusal(content, max_rows=3) == ("The list has 4 rows; 3 is the limit of this account.", None)


def megabytes_on_top(content: Iterable[str]) -> tuple[float, str]:
    """Look at a list in a process of its own; gives its memory beyond that of a small list, and what it says."""
    upload = written("")
    with upload.path.open("w") as file:
        file.writelines(content)
    script = "import resource, sys; from pathlib import Path; import django; django.setup()\n"
    script += "from verification.domain import lists\n"
    script += "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    script += "small = Path(sys.argv[1] + '.small'); small.write_text('email\\na@ok.test\\n')\n"
    script += "lists.look(small, filename='small'); small.unlink(); base = peak()\n"
    script += "try: said = lists.look(Path(sys.argv[1]), filename='list.csv').row_count\n"
    script += "except lists.ListRefused as refusal: said = refusal\n"
    script += "print((peak() - base) / 1024, said)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"}
    done = subprocess.run([sys.executable, "-c", script, upload.path], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    megabytes, _, said = done.stdout.strip().partition(" ")
    return float(megabytes), said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (["email\n", *["a@ok.test\n"] * 5_000_000], "5000000"),
        (
            ["email,note\na@ok.test,", '"', *["x" * 1_000_000] * 10, '"\n'],
            "Line 2 is longer than 1,000,000 characters.",
        ),
        (
            ["email,note\n", *["a@ok.test,x\n"] * 300, 'a@ok.test,"', *["x" * 100_000 + "\n"] * 100, '"\n'],
            "Line 302: the quotation marks do not match.",
        ),
        (["email", "," * 99_999, "\na@ok.test\n"], "Row 1 has 100,000 columns; 1,000 are possible."),
    ],
    ids=["5 million rows", "10 MB in a line", "10 MB in a cell", "100,000 columns"],
)
def test_torture_takes_little_memory(content: Iterable[str], said: str) -> None:
    megabytes, words = megabytes_on_top(content)

    assert words.startswith(said)
    assert megabytes <= 60


def test_a_million_blank_rows_are_left_out() -> None:
    found, rows = looked_at("email,name\n" + ",\n" * 1_000_000 + "a@ok.test,Ann\n")

    assert rows == [["a@ok.test", "Ann"]]
    assert found.row_count == 1
