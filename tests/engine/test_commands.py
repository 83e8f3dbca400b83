"""The lines that leave for a mail server."""

from __future__ import annotations

import re

import pytest

from verification.engine.smtp import commands
from verification.engine.smtp.commands import UnsafeCommand

PROMISED = re.compile(rb"^(EHLO|HELO|MAIL FROM:|RCPT TO:|RSET|QUIT|STARTTLS)[ -~]*\r\n$")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (commands.hello(commands.EHLO, "probe.example.org"), b"EHLO probe.example.org\r\n"),
        (commands.hello(commands.HELO, "probe.example.org"), b"HELO probe.example.org\r\n"),
        (commands.mail("probe@example.org"), b"MAIL FROM:<probe@example.org>\r\n"),
        (commands.mail("p@example.org", smtputf8=True), b"MAIL FROM:<p@example.org> SMTPUTF8\r\n"),
        (commands.recipient("jane@example.com"), b"RCPT TO:<jane@example.com>\r\n"),
        (commands.recipient('"a > b"@example.com'), b'RCPT TO:<"a > b"@example.com>\r\n'),
        (commands.bare(commands.STARTTLS), b"STARTTLS\r\n"),
        (commands.bare(commands.RSET), b"RSET\r\n"),
        (commands.bare(commands.QUIT), b"QUIT\r\n"),
    ],
)
def test_a_command(line: bytes, expected: bytes) -> None:
    assert line == expected
    assert PROMISED.fullmatch(line)


def test_utf8_only_where_it_was_offered() -> None:
    assert commands.recipient("josé@example.com", smtputf8=True) == "RCPT TO:<josé@example.com>\r\n".encode()
    with pytest.raises(UnsafeCommand):
        commands.recipient("josé@example.com")


@pytest.mark.parametrize("smtputf8", [False, True])
@pytest.mark.parametrize(
    "mailbox",
    [
        "",
        "a@b>\r\nRSET",
        "a\nb@example.com",
        "a\x00b@example.com",
        "a\x7fb@example.com",
        "a>b@example.com",
        "<a@example.com",
        '"a@example.com',
        '"a"b"@example.com',
        "a@" + "x" * 500,
        "a\u2028b@example.com",
        "a\x85b@example.com",
        "a\udcffb@example.com",
    ],
)
def test_what_would_not_stay_in_its_line_is_refused(mailbox: str, smtputf8: bool) -> None:
    with pytest.raises(UnsafeCommand):
        commands.recipient(mailbox, smtputf8=smtputf8)


def test_the_sender_is_never_empty() -> None:
    with pytest.raises(UnsafeCommand):
        commands.mail("")
