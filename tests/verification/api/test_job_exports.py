from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest

from accounts.models import Scope
from tests.factories import make_account, make_key
from tests.verification.api.calls import JOBS, call, problem
from tests.verification.factories import NOW, finish, give_verdict, make_job, make_list
from verification.domain import export_kinds, exports, exports_xlsx
from verification.engine.types import Blame, Reason, Result
from verification.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
KINDS = ("csv", "xlsx", "jsonl")
NAUGHTY = ["=1+1", "@x", "+1", "'=1", "a\tb", '<&">', "_x000D_", "日本", "\u200b", "x" * 40_000]


def export(secret: str, job: Job, kind: str) -> Any:  # Any: Django's test response
    return call(secret, "GET", f"{JOBS}/{job.pk}/export.{kind}")


def sheet(content: bytes) -> list[list[str]]:
    """Read a workbook as ECMA-376 tells."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            ElementTree.fromstring(archive.read(name))
        root = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    cells = [list(row) for row in root.find(f"{MAIN}sheetData") or ()]
    assert {cell.get("t", "") for row in cells for cell in row} <= {"inlineStr", ""}  # nothing that is evaluated
    assert not list(root.iter(f"{MAIN}f"))
    return [["".join(cell.itertext()) for cell in row] for row in cells]


def test_a_workbook_holds_what_the_csv_holds() -> None:
    key, secret = make_key()
    job = finish(
        make_list("name,email\nJane,jane@ok.test\nJoe,joe@ok.test\nX,nobody\nJ,jane@ok.test\n", account=key.account)
    )
    rows = list(csv.reader(io.StringIO(export(secret, job, "csv").getvalue().decode())))
    answer = export(secret, job, "xlsx")
    assert sheet(answer.getvalue()) == rows
    assert (len(rows), rows[1][:4]) == (5, ["Jane", "jane@ok.test", "jane@ok.test", "Ok"])
    assert answer["Content-Type"] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert answer["Content-Disposition"] == 'attachment; filename="customers-checked.xlsx"'


def test_no_cell_of_a_workbook_is_evaluated_or_breaks_it() -> None:
    text = io.StringIO()
    csv.writer(text).writerows([["email", "=head"], *(["jane@ok.test", cell] for cell in NAUGHTY)])
    key, secret = make_key()
    job = make_list(text.getvalue(), account=key.account)
    Job.objects.filter(pk=job.pk).update(name='"=x\r\n.csv')
    answer = export(secret, job, "xlsx")
    cells = [row[1] for row in sheet(answer.getvalue())]
    assert cells == ["=head", *NAUGHTY[:6], "_x005F_x000D_", *NAUGHTY[7:9], "x" * 32_767]
    assert "\n" not in answer["Content-Disposition"]


def test_control_characters_are_escaped_as_spreadsheets_read_them() -> None:
    assert exports_xlsx.cell("a\x01\r\ufffe") == (
        '<c t="inlineStr"><is><t xml:space="preserve">a_x0001__x000D__xFFFE_</t></is></c>'
    )


def test_long_jobs_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_PER_STATEMENT", 2)
    key, secret = make_key()
    job = make_job([f"user{n}@ok.test" for n in range(5)], key=key)
    for kind in KINDS:
        assert len(list(export(secret, job, kind).streaming_content)) >= 3, kind
    assert len(sheet(export(secret, job, "xlsx").getvalue())) == 6


def test_json_lines() -> None:
    key, secret = make_key()
    job = make_list(
        "name,email\nJané,Jane <jane@ok.test>\nX,nobody\nJ,jane@ok.test\nY,joe@ok.test\n", account=key.account
    )
    give_verdict(job.checks.get(position=0), Result.BAD, Reason.MAILBOX_FULL, Blame.ADDRESS, normalized="jane@ok.test")
    answer = export(secret, job, "jsonl")
    lines = [json.loads(line) for line in answer.getvalue().decode().splitlines()]
    assert answer["Content-Type"] == "application/jsonl"
    jane = {
        "id": f"{job.pk}#00000000#00000000",
        "email": "jane@ok.test",
        "reference": "",
        "classifier": None,
        "user": "jane",
        "domain": "ok.test",
        "result": "Bad",
        "reason": "MailboxFull",
        "role": False,
        "free": False,
        "disposable": False,
        "mailServerLocation": "DE",
        "duration": 0,
        "blame": "address",
        "final": True,
        "normalized": "jane@ok.test",
        "didYouMean": "",
        "checkedTs": f"{NOW:%Y-%m-%dT%H:%M:%S}.000Z",
        "original": ["Jané", "jane <jane@ok.test>".capitalize()],
    }
    assert lines[0] == jane
    assert [(line["email"], line["classifier"], line["result"], line["reason"]) for line in lines[1:]] == [
        ("nobody", "INVALID_FORMAT", "Bad", "AtSignNotFound"),
        ("jane@ok.test", "DUPLICATE", "Bad", "MailboxFull"),
        ("joe@ok.test", None, None, None),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_a_strangers_job_is_not_there(kind: str) -> None:
    assert problem(export(make_key()[1], make_job(["jane@ok.test"]), kind))[0] == 404


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_without_the_scope(kind: str) -> None:
    key, secret = make_key(scopes=[Scope.JOBS, Scope.ACCOUNT])
    assert problem(export(secret, make_job(["jane@ok.test"], key=key), kind))[0] == 403


@pytest.mark.parametrize("kind", KINDS)
def test_downloads_that_are_off(kind: str) -> None:
    key, secret = make_key(make_account(exports=False))
    refused = problem(export(secret, make_job(["jane@ok.test"], key=key), kind))
    words = "Feature exports is disabled in AccountConfig for this account/domain"
    assert refused == (403, words, "DISABLED_IN_ACCOUNT_CONFIG")


def test_more_rows_than_a_sheet_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(export_kinds.KINDS, "xlsx", replace(export_kinds.KINDS["xlsx"], most_rows=1))
    key, secret = make_key()
    job = make_job(["jane@ok.test", "joe@ok.test"], key=key)
    assert problem(export(secret, job, "xlsx")) == (409, exports_xlsx.TOO_LONG, "TOO_MANY_ROWS")
    assert export(secret, job, "csv").status_code == 200


def test_an_empty_job() -> None:
    key, secret = make_key()
    job = Job.objects.create(account=key.account, source="upload")
    assert len(sheet(export(secret, job, "xlsx").getvalue())) == 1
    assert export(secret, job, "jsonl").getvalue() == b""
