"""Workbooks for tests, honest and not, put together part by part."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def sheet(rows: Sequence[Sequence[str]]) -> str:
    """Give a sheet with these texts in its cells."""
    return data("".join(f"<row>{''.join(map(cell, cells))}</row>" for cells in rows))


def cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>' if text else "<c/>"


def data(rows: str) -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def parts(sheets: Mapping[str, str], **others: str) -> dict[str, str]:
    """Give the parts of a workbook with these sheets; `others`: sharedStrings, styles; `workbookPr`."""
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{at}" r:id="rId{at}"/>' for at, name in enumerate(sheets, 1)
    )
    related = "".join(
        relation(f"rId{at}", "worksheet", f"worksheets/sheet{at}.xml") for at in range(1, len(sheets) + 1)
    )
    more = {name: text for name, text in others.items() if name != "workbookPr"}
    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(relation("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{others.get("workbookPr", "")}'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relations(
            related + "".join(relation(name, name, f"/xl/{name}.xml") for name in more)
        ),
        **{f"xl/worksheets/sheet{at}.xml": text for at, text in enumerate(sheets.values(), 1)},
        **{f"xl/{name}.xml": text for name, text in more.items()},
    }


def relation(key: str, kind: str, target: str) -> str:
    return f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>'


def relations(inside: str) -> str:
    return f'<Relationships xmlns="{RELATIONS}">{inside}</Relationships>'


def packed(contents: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def workbook(sheets: Mapping[str, str], **others: str) -> bytes:
    return packed(parts(sheets, **others))


def list_of(*rows: Sequence[str]) -> bytes:
    """Give a workbook with one sheet."""
    return workbook({"Customers": sheet(rows)})
