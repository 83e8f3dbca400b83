from __future__ import annotations

import base64
import json
import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.domain import quota
from accounts.models import Account, KeyKind, LicenseKey
from tests.factories import make_account, make_key
from verification.models import Check, CheckResult, Job, JobSource, JobStatus

pytestmark = pytest.mark.django_db

URL = "/api/v1/jobs"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ONE = {"recipients": [{"mail": {"to": [{"email": "jane@ok.test"}]}}]}
TWO = {
    "recipients": [
        {"mail": {"to": [{"email": "Jane <jane@ok.test>"}, {"email": "joe@ok.test"}]}, "reference": "crm-17"},
        {"mail": {"to": [{"email": "ann@ok.test"}]}},
    ]
}


def post(secret: str | None, body: Any = ONE, **headers: str) -> Any:  # Any: Django's test response
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {secret}"} if secret else {})
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().generic("POST", URL, content, content_type=sent.pop("Content-Type"), headers=sent)


def get(secret: str, path: str) -> Any:  # Any: Django's test response
    return Client().get(path, headers={"X-License-Key": secret})


def rejected(answer: Any) -> tuple[int, str, str]:  # Any: Django's test response
    document = answer.json()
    assert list(document) == ["meta"]
    assert list(document["meta"]) == ["jobId", "state"]
    state = document["meta"]["state"]
    assert (state["type"], state["phase"]) == ("REJECTED", "PRE_PROCESS")
    return answer.status_code, state["subType"], state["description"]


def result_of(check: Check, **fields: Any) -> CheckResult:  # Any: model fields
    return CheckResult.objects.create(
        check_row=check,
        account=check.account,
        job=check.job,
        checked_at=timezone.now(),
        **({"result": "Ok", "reason": "Success", "blame": "none", "duration": 12} | fields),
    )


def test_accepted_in_full() -> None:
    account = make_account(monthly_quota=10)
    _, secret = make_key(account)
    answer = post(secret, TWO)
    job = Job.objects.get()
    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Quota-Remaining"] == "7"
    document = answer.json()
    assert TIMESTAMP.fullmatch(document["meta"]["receivedTs"])
    assert document == {
        "meta": {
            "jobId": str(job.pk),
            "receivedTs": document["meta"]["receivedTs"],
            "state": {"type": "ACCEPTED", "subType": "FULL", "phase": "PRE_PROCESS"},
        },
        "content": {
            "recipients": [
                {
                    "mail": {
                        "to": [
                            {"id": f"{job.pk}#00000000#00000000", "email": "jane@ok.test"},
                            {"id": f"{job.pk}#00000000#00000001", "email": "joe@ok.test"},
                        ]
                    }
                },
                {"mail": {"to": [{"id": f"{job.pk}#00000001#00000000", "email": "ann@ok.test"}]}},
            ]
        },
    }
    assert list(document["meta"]) == ["jobId", "receivedTs", "state"]
    assert (job.account, job.source, job.total, job.waiting) == (account, JobSource.API, 3, 3)


def test_accepted_in_part() -> None:
    _, secret = make_key()
    to = [{"email": email} for email in ("jane@ok.test", "a..b@ok.test", "jane@OK.test", "nobody")]
    answer = post(secret, {"recipients": [{"mail": {"to": to}}]})
    document = answer.json()
    shown = document["content"]["recipients"][0]["mail"]["to"]
    assert (answer.status_code, document["meta"]["state"]["subType"]) == (202, "PART")
    assert [(one["email"], one.get("validationResult")) for one in shown] == [
        ("jane@ok.test", None),
        ("a..b@ok.test", {"classifier": "INVALID_FORMAT"}),
        ("jane@OK.test", {"classifier": "DUPLICATE"}),
        ("nobody", {"classifier": "INVALID_FORMAT"}),
    ]


def test_the_job_carries_its_references() -> None:
    key, secret = make_key()
    post(secret, ONE | {"job": {"referenceJob": "r", "costCenter": "c", "campaignId": "i"}})
    job = Job.objects.get()
    assert (job.key, job.reference_job, job.cost_center, job.campaign_id) == (key, "r", "c", "i")


@pytest.mark.parametrize("scheme", ["header", "bearer", "user", "password"])
def test_ways_to_give_the_key(scheme: str) -> None:
    _, secret = make_key()
    pair = {"user": f"{secret}:", "password": f"me:{secret}"}.get(scheme, "")
    headers = {
        "header": {"X_License_Key": secret},
        "bearer": {"Authorization": f"Bearer {secret}"},
    }.get(scheme, {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()})
    assert post(None, **headers).status_code == 202


def test_accept_is_not_looked_at() -> None:
    _, secret = make_key()
    assert post(secret, Accept="text/html").status_code == 202


def test_no_key() -> None:
    answer = post(None)
    assert rejected(answer) == (401, "UNAUTHORIZED", "No license key was given.")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"expires_at": timezone.now() - timedelta(days=1)}, "The license key has expired."),
        ({"revoked_at": timezone.now()}, "The license key was revoked."),
    ],
)
def test_ended_keys(made: dict[str, Any], words: str) -> None:  # Any: of make_key
    assert rejected(post(make_key(**made)[1])) == (401, "UNAUTHORIZED", words)


def test_a_disabled_account() -> None:
    _, secret = make_key(make_account(status=Account.Status.SUSPENDED))
    assert rejected(post(secret)) == (401, "UNAUTHORIZED", "The account is disabled.")


def test_broken_json() -> None:
    _, secret = make_key()
    answer = post(secret, b'{"recipients":[{"mail":{"to":[{"email":"a@b.c"}}}]}')
    words = "Unterminated array at line 1 column 49 path $.recipients[0].mail.to[1]"
    assert rejected(answer) == (400, "INVALID_JSON_SYNTAX", words)
    assert Job.objects.count() == 0


def test_a_missing_value() -> None:
    _, secret = make_key()
    assert rejected(post(secret, {})) == (400, "MISSING_VALUE", "Missing mandatory value for recipients")


def test_too_many_addresses() -> None:
    _, secret = make_key(make_account(addresses_per_job=2))
    assert rejected(post(secret, TWO)) == (400, "LIMIT_EXCEEDED", "Count limit exceeded for recipients")


def test_too_little_quota_keeps_nothing() -> None:
    account = make_account(monthly_quota=2)
    _, secret = make_key(account)
    assert rejected(post(secret, TWO)) == (402, "QUOTA_EXCEEDED", "Quota of 2 left, 3 needed")
    assert (Job.objects.count(), Check.objects.count(), quota.left(account_id=account.pk)) == (0, 0, 2)


def test_a_feature_that_is_off() -> None:
    _, secret = make_key(make_account(job_requests=False))
    words = "Feature job_requests is disabled in AccountConfig for this account/domain"
    assert rejected(post(secret)) == (403, "DISABLED_IN_ACCOUNT_CONFIG", words)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/json; charset=latin-1"},
        {"Content_Encoding": "gzip"},
    ],
)
def test_other_media_types(headers: dict[str, str]) -> None:
    _, secret = make_key()
    assert rejected(post(secret, **headers))[:2] == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_utf_8_may_be_named() -> None:
    _, secret = make_key()
    assert post(secret, Content_Type="application/json; charset=UTF-8").status_code == 202


def test_other_methods_get_a_problem() -> None:
    _, secret = make_key()
    answer = Client().put(URL, headers={"X-License-Key": secret})
    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Method Not Allowed",
        "status": 405,
        "detail": 'Method "PUT" not allowed.',
    }


def test_addresses_of_any_bytes_are_taken_or_classified() -> None:
    _, secret = make_key()
    odd = ["\0@ok.test", "é" * 200, "a@ok.test\r\nRCPT", "=cmd()", "<>", "Jane <>", "😀@ok.test"]
    answer = post(secret, {"recipients": [{"mail": {"to": [{"email": email} for email in odd]}}]})
    assert answer.status_code == 202


@pytest.fixture
def owned() -> tuple[LicenseKey, str, Job]:
    key, secret = make_key(kind=KeyKind.LIVE)
    post(secret, TWO)
    return key, secret, Job.objects.get()


def test_how_far_a_job_is(owned: tuple[LicenseKey, str, Job]) -> None:
    _, secret, job = owned
    answer = get(secret, f"{URL}/{job.pk}")
    document = answer.json()
    assert answer.status_code == 200
    assert document == {
        "meta": {
            "jobId": str(job.pk),
            "receivedTs": document["meta"]["receivedTs"],
            "state": {"type": "ACCEPTED", "subType": "FULL", "phase": "PROCESS"},
        },
        "status": "running",
        "counts": {
            "total": 3,
            "decided": 0,
            "undecided": 0,
            "waiting": 3,
            "refused": 0,
            "duplicate": 0,
            "cancelled": 0,
        },
        "startedTs": document["startedTs"],
        "finishedTs": None,
    }
    assert TIMESTAMP.fullmatch(document["startedTs"])


def test_a_list_that_is_read_counts_the_rows_read(owned: tuple[LicenseKey, str, Job]) -> None:
    _, secret, job = owned
    Job.objects.update(total=2, waiting=1, refused=1, status=JobStatus.PARSING, is_reading=True)
    document = get(secret, f"{URL}/{job.pk}").json()
    assert (document["meta"]["state"]["phase"], document["status"]) == ("PRE_PROCESS", "parsing")
    assert {name: count for name, count in document["counts"].items() if count} == {
        "total": 2,
        "waiting": 1,
        "refused": 1,
    }


def test_a_finished_job_says_so(owned: tuple[LicenseKey, str, Job]) -> None:
    _, secret, job = owned
    Job.objects.update(decided=3, waiting=0, status=JobStatus.FINISHED, finished_at=timezone.now())
    document = get(secret, f"{URL}/{job.pk}").json()
    assert (document["meta"]["state"]["phase"], document["status"]) == ("FINISHED", "finished")
    assert TIMESTAMP.fullmatch(document["finishedTs"])


def test_results_come_as_they_are_found(owned: tuple[LicenseKey, str, Job]) -> None:
    _, secret, job = owned
    assert get(secret, f"{URL}/{job.pk}/results").json() == {"results": [], "next": None}
    result_of(job.checks.get(position=1), role=True, mail_server_location="DE")
    assert get(secret, f"{URL}/{job.pk}/results").json() == {
        "results": [
            {
                "id": f"{job.pk}#00000000#00000001",
                "email": "joe@ok.test",
                "reference": "crm-17",
                "result": "Ok",
                "reason": "Success",
                "role": True,
                "free": False,
                "disposable": False,
                "domain": "ok.test",
                "user": "joe",
                "mailServerLocation": "DE",
                "duration": 12,
                "blame": "none",
                "final": True,
            }
        ],
        "next": None,
    }


def test_results_go_on_at_next(owned: tuple[LicenseKey, str, Job]) -> None:
    _, secret, job = owned
    for check in job.checks.all():
        result_of(check)
    first = get(secret, f"{URL}/{job.pk}/results?limit=2").json()
    second = get(secret, first["next"]).json()
    emails = [one["email"] for one in first["results"] + second["results"]]
    assert (emails, second["next"]) == (["jane@ok.test", "joe@ok.test", "ann@ok.test"], None)
    assert first["next"] == f"http://testserver{URL}/{job.pk}/results?after=1&limit=2"


def test_refused_recipients_have_no_result() -> None:
    _, secret = make_key()
    post(secret, {"recipients": [{"mail": {"to": [{"email": "nobody"}]}}]})
    job = Job.objects.get()
    assert (job.status, get(secret, f"{URL}/{job.pk}/results").json()["results"]) == ("finished", [])


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-2", "after=1e3"])
def test_bad_limits(owned: tuple[LicenseKey, str, Job], query: str) -> None:
    _, secret, job = owned
    answer = get(secret, f"{URL}/{job.pk}/results?{query}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_one_and_three_results_cost_the_same(
    owned: tuple[LicenseKey, str, Job], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, secret, job = owned
    checks = list(job.checks.all())
    result_of(checks[0])
    with django_assert_num_queries(7):  # the call (in a savepoint), key, job, results, quota left
        get(secret, f"{URL}/{job.pk}/results")
    result_of(checks[1])
    result_of(checks[2])
    with django_assert_num_queries(7):
        get(secret, f"{URL}/{job.pk}/results")


@pytest.mark.parametrize("path", ["", "/results"])
def test_a_teammates_key_reads_and_a_strangers_finds_nothing(owned: tuple[LicenseKey, str, Job], path: str) -> None:
    key, _, job = owned
    teammate, stranger = make_key(key.account)[1], make_key()[1]
    assert get(teammate, f"{URL}/{job.pk}{path}").status_code == 200
    foreign = get(stranger, f"{URL}/{job.pk}{path}")
    nowhere = get(stranger, f"{URL}/{uuid.uuid4()}{path}")
    assert (foreign.status_code, foreign.json()) == (404, nowhere.json())
    anonymous = Client().get(f"{URL}/{job.pk}{path}")
    assert (anonymous.status_code, anonymous.json()["title"]) == (401, "Unauthorized")


def test_paths_that_lead_nowhere() -> None:
    answer = Client().get("/api/v1/nothing")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["detail"] == "There is nothing here."
