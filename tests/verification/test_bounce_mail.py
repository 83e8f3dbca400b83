from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from verification.api.schema_bounces import MAIL, STATUS
from verification.domain import bounce_mail
from verification.domain.bounce_reading import UNDER_WAY, NotABounce, Report, Unreadable
from verification.models import SuppressionKind

HARD, FULL = SuppressionKind.HARD, SuppressionKind.FULL
AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def mail_of(status: str, kind: str = "message/delivery-status", head: str = "") -> bytes:
    return head.encode() + MAIL.replace(STATUS, status).replace("message/delivery-status", kind).encode()


def test_read() -> None:
    assert bounce_mail.read(MAIL.encode()) == [Report("someone@ok.test", HARD, "550 5.1.1", AT)]
    assert bounce_mail.read(MAIL.replace("\n", "\r\n").encode()) == [Report("someone@ok.test", HARD, "550 5.1.1", AT)]


def test_every_recipient_is_read() -> None:
    status = f"""{STATUS}
Original-Recipient: rfc822; list@ok.test
Final-Recipient: rfc822; forwarded@other.test
Action: failed (mailbox)
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 over
 quota
Last-Attempt-Date: Mon, 23 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; late@ok.test
Action: delayed
Status: 4.4.1

Final-Recipient: rfc822; there@ok.test
Action: relayed
Status: 2.1.5

Final-Recipient: x400; c=de
Action: failed
Status: 5.1.1

Final-Recipient: rfc822; odd@ok.test
Action: lost
Status: 5.1.1

Final-Recipient: rfc822; odd@ok.test
Action: failed
"""
    assert bounce_mail.read(mail_of(status)) == [
        Report("someone@ok.test", HARD, "550 5.1.1", AT),
        Report("list@ok.test", FULL, "552 5.2.2", AT),
        Report("late@ok.test", None, UNDER_WAY, AT),
        Report("there@ok.test", None, "The message was relayed.", AT),
        Unreadable("No recipient is named."),
        Unreadable("Action must be one of failed, delayed, delivered, expanded, relayed (RFC 3464 section 2.3.3)."),
        Unreadable("There is neither a Status nor a Diagnostic-Code (RFC 3464 section 2.3)."),
    ]


def test_an_international_report_is_read() -> None:
    status = STATUS.replace("rfc822;someone", "utf-8;someone").replace("rfc822; someone", r"utf-8; jos\x{E9}")
    assert bounce_mail.read(mail_of(status, "message/global-delivery-status")) == [
        Report("josé@ok.test", HARD, "550 5.1.1", AT)
    ]


@pytest.mark.parametrize(
    ("feedback", "kind", "why"),
    [
        ("abuse", SuppressionKind.HAND, "complaint"),
        ("not-spam", None, "A report of not-spam is no complaint."),
    ],
)
def test_a_complaint_is_read(feedback: str, kind: SuppressionKind | None, why: str) -> None:
    fields = (
        f"Feedback-Type: {feedback}\nArrival-Date: Mon, 23 Nov 2026 10:00:00 +0000\nOriginal-Rcpt-To: <a@ok.test>\n"
    )
    assert bounce_mail.read(mail_of(fields, "message/feedback-report")) == [Report("a@ok.test", kind, why, AT)]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "The mail has no part of type message/delivery-status (RFC 3464)"),
        (b"Subject: hello\n\nworld\n", "The mail has no part of type message/delivery-status (RFC 3464)"),
        (mail_of("Reporting-MTA: dns; a.test\n"), "The delivery status names no recipient"),
        (mail_of("Feedback-Type: abuse\n", "message/feedback-report"), "The complaint names no Original-Rcpt-To"),
        (b"x" * (bounce_mail.MOST_BYTES + 1), "A mail has 4,194,304 bytes at most."),
        (b"\n" * (2 * bounce_mail.MOST_LINES + 1), "A mail has 100,000 lines at most."),
        (b"Content-Type: message/rfc822\n\n" * 41, "A mail has 40 parts in parts at most."),
        (
            b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 300 + b"--b--\n",
            "A mail has 200 parts at most.",
        ),
    ],
)
def test_what_is_no_bounce_is_said(raw: bytes, why: str) -> None:
    with pytest.raises(NotABounce) as refusal:
        bounce_mail.read(raw)
    assert str(refusal.value).startswith(why)


PIECES = [
    *(b"Content-Type: ", b"message/delivery-status", b"message/global-delivery-status", b"message/feedback-report"),
    *(b"multipart/report; boundary=b", b"; charset=x-none", b"\n", b"\n\n", b"--b\n", b"--b--\n", b"Action: failed\n"),
    *(b"Status: 5.1.1\n", b"Final-Recipient: rfc822; a@ok.test\n", b"Original-Rcpt-To: a@ok.test\n", b"\xff", b"\r"),
    *(b"Content-Transfer-Encoding: base64\n", b"Last-Attempt-Date: ", b"Diagnostic-Code: smtp; 550 ", b"*0*=''b", b'"'),
]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=30).map(b"".join))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for whole in (raw, b"Content-Type: message/delivery-status\n\n" + raw):
        try:
            rows = bounce_mail.read(whole)
        except NotABounce:
            continue
        assert rows
