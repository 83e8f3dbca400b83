from __future__ import annotations

from pathlib import Path

import pytest

from tests.verification.workbooks import builder
from verification.domain import workbooks
from verification.domain.list_text import ListRefused

DATA = Path(__file__).parents[2] / "data"


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("writer", "formula", "line_end"), [("openpyxl", [], "\n"), ("xlsxwriter", ["2"], "\r\n")])
def test_workbooks_by_others(writer: str, formula: list[str], line_end: str) -> None:
    """The first keeps no values of formulas and writes line ends as XML does not keep them."""
    path = DATA / f"by-{writer}.xlsx"
    sheets = {"openpyxl": ["Empty", "Kunden & Co"], "xlsxwriter": ["Empty", "Kunden & Co", "Hidden"]}

    assert workbooks.sheets(path) == sheets[writer]
    rows = list(workbooks.rows(path))
    assert rows == [
        ["name", "email", "since", "n", "seen"],
        ["Jané", "jane@ok.test", "2020-05-01", "3.5", "2021-01-02 03:04:05", *formula],
        [f"a{line_end}b", "joe@ok.test", "", "7", "13:30:00"],
    ]
    assert list(workbooks.rows(path, "Kunden & Co")) == rows
    assert list(workbooks.rows(path, "Empty")) == []


def test_a_sheet_that_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path, builder.list_of(["email"]))
    with pytest.raises(ListRefused, match=r"This workbook has no sheet “May”\."):
        list(workbooks.rows(path, "May"))


STYLES = (
    '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="[Red]0.0&quot; days&quot;"/>'
    '<numFmt numFmtId="171" formatCode="[h]:mm"/></numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf/><xf numFmtId="14"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs></styleSheet>'
)
TEXTS = (
    "<sst><si><t>jane@ok.test</t></si><si><r><t>a</t></r><rPh><t>hint</t></rPh><r><t>b_x0041__x0000_</t></r></si></sst>"
)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('<c t="s"><v>0</v></c>', "jane@ok.test"),
        ('<c t="s"><v>1</v></c>', "abA_x0000_"),
        ('<c t="str"><f>A1</f><v>x</v></c>', "x"),
        ('<c t="b"><v>1</v></c>', "TRUE"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c t="d"><v>2020-05-01</v></c>', "2020-05-01"),
        ("<c><v>491701234567</v></c>", "491701234567"),
        ("<c><v>0.10000000000000001</v></c>", "0.1"),
        ("<c><v>1.0E+2</v></c>", "100"),
        ("<c><v>nan</v></c>", "nan"),
        ('<c s="1"><v>43952</v></c>', "2020-05-01"),
        ('<c s="1"><v>1</v></c>', "1900-01-01"),
        ('<c s="1"><v>0.75</v></c>', "18:00:00"),
        ('<c s="1"><v>1e300</v></c>', "1e300"),
        ('<c s="1"><v>-3</v></c>', "-3"),
        ('<c s="2"><v>3</v></c>', "3"),
        ('<c s="3"><v>1.5</v></c>', "1.5"),
        ('<x:c t="inlineStr"><x:is><x:t>prefixed</x:t></x:is></x:c>', "prefixed"),
    ],
)
def test_cells(tmp_path: Path, cell: str, shown: str) -> None:
    content = builder.workbook({"A": builder.data(f"<row>{cell}</row>")}, sharedStrings=TEXTS, styles=STYLES)
    assert list(workbooks.rows(written(tmp_path, content))) == [[shown]]


def test_dates_from_1904(tmp_path: Path) -> None:
    rows = builder.data('<row><c s="1"><v>42490</v></c></row>')
    content = builder.workbook({"A": rows}, styles=STYLES, workbookPr='<workbookPr date1904="1"/>')
    assert list(workbooks.rows(written(tmp_path, content))) == [["2020-05-01"]]


def test_cells_stand_where_they_say(tmp_path: Path) -> None:
    rows = builder.data('<row r="2"><c r="C2"><v>3</v></c><c><v>4</v></c><c r="A2"><v>1</v></c></row><row r="9"/>')
    assert list(workbooks.rows(written(tmp_path, builder.workbook({"A": rows})))) == [["1", "", "3", "4"]]


def test_a_macro_is_not_looked_at(tmp_path: Path) -> None:
    content = builder.packed(
        builder.parts({"A": builder.sheet([["jane@ok.test"]])}) | {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0 Shell"}
    )
    assert list(workbooks.rows(written(tmp_path, content))) == [["jane@ok.test"]]


def test_parts_by_odd_writers(tmp_path: Path) -> None:
    """Part names with a backslash or in another case, and the old namespace left out, occur."""
    odd = {
        name.replace("/", "\\").upper(): text
        for name, text in builder.parts({"A": builder.sheet([["jane@ok.test"]])}).items()
    }
    assert list(workbooks.rows(written(tmp_path, builder.packed(odd)))) == [["jane@ok.test"]]
