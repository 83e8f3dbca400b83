"""`attachments` of a job request: their addresses join the job, to the letter of the contract."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import KeyKind
from portal.postgres import free_port
from tests.clamd import EICAR, clamd
from tests.factories import make_account, make_key
from tests.verification.factories import make_domain
from tests.verification.workbooks import builder
from verification.models import Check, Event, Job

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("clamd")]

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JANE = {"mail": {"to": [{"email": "jane@ok.test"}]}, "reference": "crm-17"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    settings.UPLOADS = tmp_path / "uploads"
    yield settings.UPLOADS
    assert not settings.UPLOADS.exists() or list(settings.UPLOADS.iterdir()) == []


def attached(content: bytes | str, name: str = "list.csv", kind: str = "text/csv") -> dict[str, str]:
    raw = content.encode() if isinstance(content, str) else content
    return {"name": name, "contentType": kind, "content": base64.b64encode(raw).decode()}


def post(secret: str, body: dict[str, Any], path: str = "/api/v1/jobs", **headers: str) -> Any:  # Any: JSON; a response
    return Client().post(
        path, json.dumps(body), content_type="application/json", headers={"X-License-Key": secret} | headers
    )


def outcome(answer: Any) -> list[list[tuple[str, str]]]:  # Any: a response
    """Give the addresses of each block with their classifiers."""
    assert answer.status_code == 202, answer.content
    return [
        [(one["email"], one.get("validationResult", {}).get("classifier", "")) for one in block["mail"]["to"]]
        for block in answer.json()["content"]["recipients"]
    ]


def rejection(answer: Any) -> tuple[int, str, str]:  # Any: a response
    state = answer.json()["meta"]["state"]
    assert not Job.objects.exists()
    return answer.status_code, state["subType"], state["description"]


def test_addresses_of_attachments_join_the_job() -> None:
    account = make_account()
    body = {
        "recipients": [JANE],
        "attachments": [
            attached("name;mail\nJoe;joe@ok.test\nJane;Jane <JANE@ok.test>\nNobody;\n;no address\n"),
            attached(gzip.compress(b"a@ok.test\nb@ok.test\n"), "more.TXT.gz", "application/gzip"),
            attached(builder.list_of(["id", "mail"], ["7", "c@ok.test"], ["8", "d@d@"]), "Book.xlsx", XLSX),
        ],
    }
    answer = post(make_key(account)[1], body)

    assert outcome(answer) == [
        [("jane@ok.test", "")],
        [("joe@ok.test", ""), ("JANE@ok.test", ""), ("", "INVALID_FORMAT"), ("no address", "INVALID_FORMAT")],
        [("a@ok.test", ""), ("b@ok.test", "")],
        [("c@ok.test", ""), ("d@d@", "INVALID_FORMAT")],
    ]
    job = Job.objects.get()
    assert answer.json()["meta"]["state"]["subType"] == "PART"
    assert answer.json()["content"]["recipients"][3]["mail"]["to"][0]["id"] == f"{job.pk}#00000003#00000000"
    assert (job.total, job.waiting, job.refused, job.duplicate) == (9, 6, 3, 0)
    assert list(job.checks.order_by("position").values_list("reference", flat=True)) == ["crm-17"] + [""] * 8


def test_a_duplicate_of_a_recipient() -> None:
    answer = post(make_key()[1], {"recipients": [JANE], "attachments": [attached("jane@ok.test\n")]})
    assert outcome(answer) == [[("jane@ok.test", "")], [("jane@ok.test", "DUPLICATE")]]


@pytest.mark.parametrize("recipients", [{}, {"recipients": None}, {"recipients": []}])
def test_attachments_alone(recipients: dict[str, Any]) -> None:  # Any: JSON
    assert outcome(post(make_key()[1], recipients | {"attachments": [attached("a@ok.test\n")]})) == [
        [("a@ok.test", "")]
    ]


@pytest.mark.parametrize("none", [None, []])
def test_no_attachments(none: object) -> None:
    secret = make_key()[1]
    assert rejection(post(secret, {"attachments": none}))[2] == "Missing mandatory value for recipients"
    assert outcome(post(secret, {"recipients": [JANE], "attachments": none})) == [[("jane@ok.test", "")]]


def test_the_same_answer_again() -> None:
    secret = make_key()[1]
    body = {"recipients": [JANE], "attachments": [attached("a@ok.test\n" * 2)]}
    first, again = (post(secret, body, **{"Idempotency-Key": "1"}) for _ in range(2))
    assert first.json() == again.json()
    assert Job.objects.count() == 1
    body["attachments"] = [attached("b@ok.test\n")]
    assert post(secret, body, **{"Idempotency-Key": "1"}).status_code == 422


def test_a_dry_run_counts_them() -> None:
    body = {"recipients": [JANE], "attachments": [attached("a@ok.test\njane@ok.test\n@@\n")]}
    answer = post(make_key()[1], body, "/api/v1/jobs?dryRun=true").json()
    assert answer["counts"] == {"total": 4, "taken": 2, "refused": 1, "duplicate": 1, "reusable": 0}
    assert not Job.objects.exists()


GOOD = attached("a@ok.test\n")
FORM, VALUE, MISSING = "INVALID_FORMAT", "INVALID_VALUE", "MISSING_VALUE"
AT = "attachments[0]"


@pytest.mark.parametrize(
    ("attachments", "sub_type", "description"),
    [
        ({}, MISSING, "Missing mandatory value for recipients"),
        ("x", FORM, "Invalid format for attachments"),
        ([None], MISSING, f"Missing mandatory value for {AT}"),
        (["x"], FORM, f"Invalid format for {AT}"),
        ([GOOD, GOOD | {"name": None}], MISSING, "Missing mandatory value for attachments[1].name"),
        ([GOOD | {"name": 1}], FORM, f"Invalid format for {AT}.name"),
        ([GOOD | {"name": "a\n.csv"}], VALUE, f"Invalid value for {AT}.name"),
        ([GOOD | {"name": "x" * 252 + ".csv"}], "LIMIT_EXCEEDED", f"Size limit exceeded for {AT}.name"),
        ([GOOD | {"name": "list.exe"}], "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.name"),
        ([GOOD | {"name": "list.gz"}], "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.name"),
        ([GOOD | {"name": "csv"}], "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.name"),
        ([GOOD | {"contentType": ""}], MISSING, f"Missing mandatory value for {AT}.contentType"),
        ([GOOD | {"contentType": "image/png"}], "FORBIDDEN_PARAMS", f"Unsupported value for {AT}.contentType"),
        ([GOOD | {"content": ""}], MISSING, f"Missing mandatory value for {AT}.content"),
        ([GOOD | {"content": "YUBvay50ZXN0Cg="}], VALUE, f"Invalid value for {AT}.content"),
        ([GOOD | {"content": "YUBvay50\nZXN0Cg=="}], VALUE, f"Invalid value for {AT}.content"),
        ([GOOD | {"content": "ä"}], VALUE, f"Invalid value for {AT}.content"),
        ([GOOD | {"content": 7}], FORM, f"Invalid format for {AT}.content"),
        ([GOOD] * 11, "LIMIT_EXCEEDED", "Count limit exceeded for attachments"),
        (
            [GOOD, attached("mail\nx@ok.test\0\n")],
            VALUE,
            "Invalid value for attachments[1].content: Line 2 holds a NUL byte: this is no plain text file. "
            "Save it as CSV (comma separated, UTF-8) and upload that.",
        ),
        (
            [attached("name\nJane\n")],
            VALUE,
            f"Invalid value for {AT}.content: No column holds e-mail addresses. "
            "The list needs one address in each row.",
        ),
        (
            [attached(builder.list_of(["a@ok.test"])[:-30], "list.xlsx", XLSX)],
            VALUE,
            f"Invalid value for {AT}.content: This is an Excel workbook or another packed file that is damaged or not "
            "complete. Open it in a spreadsheet program, save it as .xlsx or CSV (UTF-8) and upload that.",
        ),
    ],
)
def test_rejections(attachments: object, sub_type: str, description: str) -> None:
    status = 403 if sub_type == "FORBIDDEN_PARAMS" else 400
    assert rejection(post(make_key()[1], {"attachments": attachments})) == (status, sub_type, description)


def test_the_first_fault_counts() -> None:
    answer = post(make_key()[1], {"attachments": [{}], "recipients": [{}]})
    assert rejection(answer)[2] == "Missing mandatory value for recipients[0].mail"


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_addresses_of_recipients_and_attachments_are_limited_together(name: str) -> None:
    secret = make_key(make_account(addresses_per_job=3))[1]
    emails = [["mail"], ["a@ok.test"], ["b@ok.test"]]
    content = builder.list_of(*emails) if name == "list.xlsx" else "\n".join(email for (email,) in emails)
    two = attached(content, name, XLSX if name == "list.xlsx" else "text/csv")
    counted = (400, "LIMIT_EXCEEDED", "Count limit exceeded for attachments[1].content")
    assert rejection(post(secret, {"attachments": [two, two]})) == counted
    assert rejection(post(secret, {"recipients": [JANE, JANE], "attachments": [two]}))[2].endswith("[0].content")
    assert len(outcome(post(secret, {"recipients": [JANE], "attachments": [two]}))[1]) == 2


def test_switched_off_for_a_sending_domain() -> None:
    account = make_account()
    make_domain(account=account, proof="passed")
    account.configs.create(sending_domain="good-sender.test", attachments=False)
    secret = make_key(account)[1]
    body = {"attachments": [GOOD], "mail": {"from": {"email": "probe@good-sender.test"}}}
    off = "Feature attachments is disabled in AccountConfig for this account/domain"
    assert rejection(post(secret, body)) == (403, "DISABLED_IN_ACCOUNT_CONFIG", off)
    assert outcome(post(secret, {"attachments": [GOOD]})) == [[("a@ok.test", "")]]


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with clamd(tmp_path_factory.mktemp("clamd")) as (address, _):
        yield address


HARMFUL = attached(b"mail,note\na@ok.test,x\nb@ok.test," + EICAR + b"\n")
UNREADABLE = attached(b"PK\x03\x04" + EICAR, "bomb.xlsx", XLSX)


def test_a_harmful_attachment_is_refused_with_its_addresses(scanner: str, settings: Settings) -> None:
    settings.CLAMD = scanner
    _, secret = make_key(make_account(antivirus=True))
    answer = post(secret, {"recipients": [JANE], "attachments": [HARMFUL, attached("a@ok.test\n"), UNREADABLE]})

    virus = "VIRUS_DETECTED"
    assert outcome(answer) == [
        [("jane@ok.test", "")],
        [("a@ok.test", virus), ("b@ok.test", virus)],
        [("a@ok.test", "")],
        [("bomb.xlsx", virus)],
    ]
    assert answer.json()["meta"]["state"]["subType"] == "PART"
    dropped = Event.objects.get(type="DROPPED")
    assert (dropped.sub_type, len(dropped.check_ids)) == (virus, 3)
    events = Client().get(f"/api/v1/jobs/{dropped.job_id}/events", headers={"X-License-Key": secret}).json()
    meta = next(one["meta"] for one in events["notifications"] if one["meta"]["event"]["type"] == "DROPPED")
    assert meta["mail"] == {"id": f"{dropped.job_id}#00000001#00000000", "email": "a@ok.test"}
    assert (meta["event"]["subType"], meta["event"]["phase"]) == (virus, "PRE_PROCESS")
    job = Job.objects.get()
    assert (job.total, job.waiting, job.refused) == (5, 2, 3)


@pytest.mark.parametrize(("config", "active"), [(True, False), (False, None)])
def test_what_is_not_scanned(config: bool, active: bool | None, settings: Settings) -> None:
    settings.CLAMD = f"127.0.0.1:{free_port()}"
    features = {} if active is None else {"antivirus": {"active": active}}
    answer = post(
        make_key(make_account(antivirus=config))[1], {"attachments": [HARMFUL], "job": {"features": features}}
    )
    assert outcome(answer) == [[("a@ok.test", ""), ("b@ok.test", "")]]


def test_a_scan_that_is_off_cannot_be_asked_for() -> None:
    body = {"attachments": [HARMFUL], "job": {"features": {"antivirus": {"active": True}}}}
    off = "Feature antivirus is disabled in AccountConfig for this account/domain"
    assert rejection(post(make_key()[1], body)) == (403, "DISABLED_IN_ACCOUNT_CONFIG", off)


@pytest.mark.parametrize("kind", [KeyKind.LIVE, KeyKind.SANDBOX])
def test_without_a_scanner_nothing_is_kept(kind: KeyKind, settings: Settings) -> None:
    settings.CLAMD = f"127.0.0.1:{free_port()}"
    secret = make_key(make_account(antivirus=True), kind)[1]
    answer = post(secret, {"recipients": [JANE], "attachments": [GOOD]}, **{"Idempotency-Key": "1"})
    words = "Files are scanned for viruses, and the scanner does not answer. Nothing was kept; try again later."
    assert (*rejection(answer), answer["Retry-After"]) == (503, "INTERNAL_ERROR", words, "5")
    assert not Check.objects.exists()
