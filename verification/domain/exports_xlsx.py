"""Results as a workbook: the columns of the CSV, every cell a text, so that nothing in it is ever evaluated.

Written by hand as a stream, because libraries for it collect the whole sheet before the first byte goes out.
ECMA-376 part 1: 18.2 workbook, 18.3 sheets, 22.9.2.19 how text escapes what XML cannot hold.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO
from xml.sax.saxutils import escape

from verification.domain.exports import header_of, lines_of
from verification.domain.row_filter import EVERYTHING, Chosen
from verification.models import Job

MOST_ROWS = 1_048_575  # a sheet's, less the header
TOO_LONG = f"A sheet holds {MOST_ROWS:,} rows; download the CSV instead."
LONGEST_CELL = 32_767
EPOCH = (1980, 1, 1, 0, 0, 0)

_TYPES = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_TYPES}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_TYPES}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="Results" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_TYPES}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}
ILLEGAL = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class Pipe:
    """What the archive is written to: keeps bytes until they are fetched; has no way back."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is there."""

    def fetch(self) -> bytes:
        fetched = b"".join(self._waiting)
        self._waiting.clear()
        return fetched


def export_xlsx(*, job: Job, chosen: Chosen = EVERYTHING) -> Iterator[bytes]:
    """Give the job's rows as a workbook, piece by piece.  For up to MOST_ROWS rows."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # type: ignore[call-overload]
        for name, text in PARTS.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), _XML + text, zipfile.ZIP_DEFLATED)
        sheet = zipfile.ZipInfo("xl/worksheets/sheet1.xml", EPOCH)
        sheet.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(sheet, "w", force_zip64=True) as file:
            file.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
            write_rows(file, [header_of(job, str)])
            for lines in lines_of(job, chosen, str):
                write_rows(file, lines)
                yield pipe.fetch()
            file.write(b"</sheetData></worksheet>")
    yield pipe.fetch()


def write_rows(file: IO[bytes], rows: Iterable[list[str]]) -> None:
    file.write("".join(f"<row>{''.join(map(cell, cells))}</row>" for cells in rows).encode("utf-8", "replace"))


def cell(text: str) -> str:
    if not text:
        return "<c/>"
    shown = escape(ILLEGAL.sub(lambda found: f"_x{ord(found[0]):04X}_", text[:LONGEST_CELL]))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{shown}</t></is></c>'
