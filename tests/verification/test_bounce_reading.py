from __future__ import annotations

from datetime import UTC, datetime

import pytest

from verification.domain.bounce_reading import SENDER_REFUSED, Judged, date_in_json, date_in_mail, judge
from verification.models import SuppressionKind

HARD, SOFT, FULL = SuppressionKind.HARD, SuppressionKind.SOFT, SuppressionKind.FULL
NOTHING = Judged(None, SENDER_REFUSED)


@pytest.mark.parametrize(
    ("text", "status", "judged"),
    [
        ("550 5.1.1 User unknown", "5.1.1", Judged(HARD, "550 5.1.1")),
        ("550-5.1.1 The account does not exist. Please try 550-5.1.1 again", "", Judged(HARD, "550 5.1.1")),
        ("550 No such user here", "5.0.0", Judged(HARD, "550 5.0.0")),
        ("550 5.5.0 Requested action not taken: mailbox unavailable", "", Judged(HARD, "550 5.5.0")),
        (
            "host mx.ok.test[192.0.2.1] said: 550 5.1.1 <a@ok.test>: gone (in reply to RCPT)",
            "",
            Judged(HARD, "550 5.1.1"),
        ),
        ("Host or domain name not found. Name service error", "5.4.4", Judged(HARD, "no such domain (5.4.4)")),
        ("5.1.1 - Bad destination mailbox address", "5.1.1", Judged(HARD, "550 5.1.1")),
        ("", "5.1.1 (bad destination)", Judged(HARD, "550 5.1.1")),
        ("452 4.2.2 The mailbox is over quota", "4.2.2", Judged(FULL, "452 4.2.2")),
        ("552 5.2.2 Mailbox full", "5.2.2", Judged(FULL, "552 5.2.2")),
        ("451 4.3.0 Temporary lookup failure", "4.3.0", Judged(SOFT, "451 4.3.0")),
        ("451 4.7.1 Greylisted", "4.7.1", Judged(SOFT, "451 4.7.1")),
        ("connect to mx.ok.test: Connection timed out", "4.4.1", Judged(SOFT, "450 4.4.1")),
        ("554 delivery error", "5.0.0", Judged(SOFT, "554 5.0.0")),
        ("something else", "", Judged(SOFT, "failed")),
        ("550 5.7.1 Message rejected as spam", "5.7.1", NOTHING),
        ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", "5.7.1", NOTHING),
        ("550 5.7.26 This mail is unauthenticated", "5.7.26", NOTHING),
        ("550 5.1.1 relaying denied", "5.1.1", NOTHING),
        ("421 4.7.0 Too many connections from your IP", "4.7.0", NOTHING),
        ("552 5.3.4 Message size exceeds fixed limit", "5.3.4", NOTHING),
        ("", "5.6.1", NOTHING),
    ],
)
def test_judge(text: str, status: str, judged: Judged) -> None:
    assert judge(text=text, status=status) == judged


def test_a_failure_without_reason_is_what_its_teller_says() -> None:
    assert judge(text="554 delivery error", unclear=HARD) == Judged(HARD, "554")
    assert judge(text="554 5.7.1 blocked", unclear=HARD) == NOTHING


def test_dates() -> None:
    moment = datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert date_in_mail("Mon, 23 Nov 2026 11:00:00 +0100") == moment
    assert date_in_json("2026-11-23T05:00:00.0000000-05:00") == moment
    assert date_in_json(moment.timestamp()) == moment


@pytest.mark.parametrize("text", ["", "soon", "Mon, 23 Nov 1001 11:00:00 +2359", "Mon, 99 Nov 2026 99:00:00"])
def test_what_is_no_date_in_a_mail(text: str) -> None:
    assert date_in_mail(text) is None


@pytest.mark.parametrize("value", ["", "soon", "9999-12-31T23:59:59-23:59", None, True, 1e300, float("nan"), [], -1])
def test_what_is_no_date_in_json(value: object) -> None:
    assert date_in_json(value) is None
