"""`/api/v1/bounces`: docs/bounces.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry, Scope
from tests.factories import make_key
from tests.verification.factories import give_verdict, make_job
from tests.verification.test_suppression import days_left
from verification.api.schema_bounces import MAIL, SES
from verification.domain import suppression_list
from verification.domain.bounce_reading import SENDER_REFUSED
from verification.domain.known import digest_of_mailbox
from verification.engine.types import Result
from verification.models import Bounce, CheckResult, KnownMailbox, Suppression

pytestmark = pytest.mark.django_db
COUNTS = {"added": 0, "known": 0, "ignored": 0, "refused": 0}


class Caller:
    def __init__(self, scope: Scope = Scope.ACCOUNT) -> None:
        key, secret = make_key(scopes=[scope])
        self.account = key.account
        self._client = Client(headers={"Authorization": f"Bearer {secret}"})

    def bring(self, body: object, kind: str = "application/json") -> Any:  # Any: response
        data = body if isinstance(body, str | bytes) else json.dumps(body)
        return self._client.generic("POST", "/api/v1/bounces", data, content_type=kind)


@pytest.fixture
def caller() -> Caller:
    return Caller()


def bounced(address: str, reason: str = "550 5.1.1 User unknown", at: datetime | None = None) -> dict[str, object]:
    moment = (at or timezone.now()).timestamp()
    return {"email": address, "event": "bounce", "reason": reason, "timestamp": int(moment)}


def test_a_mail_puts_its_recipient_on_the_list(caller: Caller) -> None:
    mail = MAIL.replace("Mon, 23 Nov 2026 10:00:00 +0000", f"{timezone.now():%a, %d %b %Y %H:%M:%S +0000}")
    for kind, body, counts in (
        ("message/rfc822", mail, {"added": 1}),
        ("multipart/report; report-type=delivery-status; boundary=b", mail.partition("\n\n")[2], {"known": 1}),
    ):
        answer = caller.bring(body, kind)
        assert (answer.status_code, answer.json()) == (200, {"counts": COUNTS | counts, "ignored": [], "refused": []})
    row = Suppression.objects.get()
    assert (row.mailbox, row.kind, row.source, row.reason, days_left(row)) == (
        "someone@ok.test",
        "hard",
        "bounce",
        "550 5.1.1",
        45,
    )


def test_rows_without_effect_and_refused_ones_are_counted_and_named(caller: Caller) -> None:
    rows = [
        bounced("a@ok.test"),
        bounced("b@ok.test", "550 5.7.1 Message refused as spam"),
        bounced("nobody"),
        bounced("c@ok.test", "452 4.2.2 Mailbox full", timezone.now() - timedelta(days=2)),
        {},
    ]
    said = caller.bring(rows).json()
    assert said["counts"] == {"added": 1, "known": 0, "ignored": 2, "refused": 2}
    assert said["ignored"] == [
        {"row": 2, "detail": SENDER_REFUSED},
        {"row": 4, "detail": "It bounced more than 1 day ago."},
    ]
    assert [row["row"] for row in said["refused"]] == [3, 5]
    assert list(Suppression.objects.values_list("mailbox", flat=True)) == ["a@ok.test"]
    assert [entry.after for entry in AuditEntry.objects.filter(action="suppression.imported")] == [said["counts"]]


def test_a_bounce_told_twice_is_one_and_its_term_the_same(caller: Caller) -> None:
    event = bounced("a@ok.test", at=timezone.now() - timedelta(days=10))
    kept = []
    for _ in range(2):
        assert caller.bring([event, event]).status_code == 200
        kept.append((Suppression.objects.values_list("pk", "until").get(), Bounce.objects.count()))
    assert kept[0] == kept[1]
    assert days_left(Suppression.objects.get()) == 35


def test_an_older_bounce_does_not_shorten_a_term(caller: Caller) -> None:
    for days in (1, 30):
        caller.bring(bounced("a@ok.test", at=timezone.now() - timedelta(days=days)))
    assert days_left(Suppression.objects.get()) == 44


def test_a_complaint_stays_and_a_weaker_bounce_changes_nothing(caller: Caller) -> None:
    for event in ({"email": "a@ok.test", "event": "spamreport"}, bounced("a@ok.test")):
        caller.bring(event)
    assert Suppression.objects.values_list("kind", "reason", "until").get() == ("hand", "complaint", None)
    assert Bounce.objects.get().kind == "hand"


def test_what_we_had_said_of_the_mailbox_is_kept(caller: Caller) -> None:
    check = make_job(["a@ok.test"], account=caller.account).checks.get()
    verdict = give_verdict(check, evidence={"provider": "Google"})
    key = bytes(caller.account.hash_key)
    KnownMailbox.objects.create(
        account=caller.account,
        digest=digest_of_mailbox("a@ok.test", hash_key=key),
        check_row=check,
        checked_at=verdict.checked_at,
    )
    caller.bring([bounced("a@ok.test"), bounced("b@ok.test")])
    month = verdict.checked_at.date().replace(day=1)
    facts = Bounce.objects.order_by("-result").values_list("result", "provider", "month", "kind")
    assert list(facts) == [
        (Result.OK, "Google", month, "hard"),
        ("", "", datetime.now(UTC).date().replace(day=1), "hard"),
    ]
    CheckResult.objects.update(checked_at=timezone.now() - timedelta(days=31))
    Bounce.objects.all().delete()
    caller.bring(bounced("a@ok.test"))
    assert Bounce.objects.get().result == ""


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (" ", "application/json", 400),
        ("{", "application/json", 400),
        ("{}", "application/json", 400),
        ('[{"email": "\\ud800@ok.test", "event": "bounce"}]', "application/json", 400),
        ("Subject: x\n\nhello", "message/rfc822", 400),
        ("a,b", "text/csv", 415),
        (SES, "application/xml", 415),
    ],
)
def test_what_is_no_bounce_is_refused(caller: Caller, body: object, kind: str, status: int) -> None:
    answer = caller.bring(body, kind)
    assert (answer.status_code, bool(answer.json()["detail"])) == (status, True)
    assert not Suppression.objects.exists()


def test_a_list_that_would_be_too_long_is_refused(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppression_list, "MOST_ENTRIES", 1)
    answer = caller.bring([bounced("a@ok.test"), bounced("b@ok.test")])
    assert (answer.status_code, answer.json()["code"]) == (409, "LIST_FULL")
    assert not Suppression.objects.exists()
    assert not Bounce.objects.exists()


def test_a_key_for_other_things_is_refused() -> None:
    assert Caller(Scope.JOBS).bring(SES).status_code == 403


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["message/rfc822", "multipart/report; boundary=b", "application/json", "text/plain"]),
    st.one_of(
        st.binary(min_size=1, max_size=60),
        st.text(max_size=20).map(lambda name: json.dumps(bounced(f"{name}@ok.test", name)).encode()),
        st.text(max_size=20).map(lambda name: MAIL.replace("someone", name).encode("utf-8", "replace")),
    ),
)
def test_no_body_breaks_it(caller: Caller, kind: str, body: bytes) -> None:
    assert caller.bring(body, kind).status_code in (200, 400)
