"""What replies mean: the table's own samples, and replies of many makes with the meaning written by hand."""

from __future__ import annotations

import pytest

from verification.engine.smtp.meanings import read, wants_fewer, wants_tls
from verification.engine.smtp.replies import Reply, read_reply
from verification.engine.smtp.table import TABLE, Row
from verification.engine.types import Meaning, Stage

AT_RCPT: list[tuple[str, Meaning]] = [
    # accepted
    ("250 2.1.5 Ok", Meaning.ACCEPTED),
    ("250 Accepted", Meaning.ACCEPTED),
    ("251 User not local; will forward to <b@c.example>", Meaning.ACCEPTED),
    ("252 2.1.5 Cannot VRFY user, but will accept message", Meaning.POLICY),
    ("354 End data with <CR><LF>.<CR><LF>", Meaning.UNCLEAR),
    # a missing mailbox
    ("550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in local recipient table", Meaning.NO_MAILBOX),
    ("550 5.1.1 <a@b.example>: Recipient address rejected: undeliverable address: unknown user", Meaning.NO_MAILBOX),
    ("550-5.1.1 The email account that you tried to reach does not exist. - gsmtp", Meaning.NO_MAILBOX),
    ("550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", Meaning.NO_MAILBOX),
    ("550 5.1.6 Recipient no longer on server", Meaning.NO_MAILBOX),
    ("501 5.1.3 Bad recipient address syntax", Meaning.NO_MAILBOX),
    ("511 5.1.1 unknown address or alias: a@b.example", Meaning.NO_MAILBOX),
    ("550 5.1.1 Recipient address rejected: Access denied", Meaning.NO_MAILBOX),
    ("550 Unrouteable address", Meaning.NO_MAILBOX),
    ("550 Unknown user", Meaning.NO_MAILBOX),
    ("550 No such user here", Meaning.NO_MAILBOX),
    ("550 #5.1.0 Address rejected.", Meaning.NO_MAILBOX),
    ("550 sorry, no mailbox here by that name (#5.1.1)", Meaning.NO_MAILBOX),
    ("550 sorry, no mailbox here by that name", Meaning.NO_MAILBOX),
    ("550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", Meaning.NO_MAILBOX),
    ("550 Requested action not taken: mailbox unavailable", Meaning.NO_MAILBOX),
    ("550 Invalid Recipient - https://community.example.com/docs/DOC-1369#550", Meaning.NO_MAILBOX),
    ("550 User not found: a@b.example", Meaning.NO_MAILBOX),
    ("550 Mailbox not found", Meaning.NO_MAILBOX),
    ("550 Message was not accepted -- invalid mailbox. Local mailbox a@b.example is unavailable: user not found",
     Meaning.NO_MAILBOX),
    ("553 5.3.0 <a@b.example>... User unknown", Meaning.NO_MAILBOX),
    ("550 5.0.0 <a@b.example>... User unknown", Meaning.NO_MAILBOX),
    ("551 User does not exist", Meaning.NO_MAILBOX),
    ("550 5.1.1 User x (x@b.example) not listed in Domino Directory", Meaning.NO_MAILBOX),
    ("550 5.2.1 <a@b.example> Mailbox disabled, not accepting messages", Meaning.NO_MAILBOX),
    ("550 5.2.1 The email account that you tried to reach is disabled. Learn more at https://support.example/",
     Meaning.NO_MAILBOX),
    ("550 The account has been suspended", Meaning.NO_MAILBOX),
    ("550-Callout verification failed:\r\n550 550 5.1.1 <a@b.example>: Recipient address rejected: User unknown",
     Meaning.NO_MAILBOX),
    ("511 sorry, no mailbox here by that name (#5.1.1 - chkuser)", Meaning.NO_MAILBOX),
    ("551 User not local; please try <b@c.example>", Meaning.NO_MAILBOX),
    ("524 5.2.4 Mailing list expansion problem: <a@b.example>", Meaning.NO_MAILBOX),
    # the address itself never decides
    ("550 5.1.1 <spamhaus.relay.blocked@spf.example>: Recipient address rejected: User unknown", Meaning.NO_MAILBOX),
    ("550 5.1.1 sender.rejected@dnsbl.example does not exist", Meaning.NO_MAILBOX),
    ("550 <unknown-user@b.example> refused", Meaning.POLICY),
    # a full mailbox, whatever the code
    ("452 4.2.2 The email account that you tried to reach is over quota", Meaning.MAILBOX_FULL),
    ("552 5.2.2 Mailbox full", Meaning.MAILBOX_FULL),
    ("550 5.2.2 <a@b.example>: user is over quota", Meaning.MAILBOX_FULL),
    ("450 4.2.2 Mailbox full", Meaning.MAILBOX_FULL),
    ("422 4.2.2 The recipient's mailbox is over its storage limit", Meaning.MAILBOX_FULL),
    ("450 5.2.2 mailbox full", Meaning.MAILBOX_FULL),
    ("552 Requested mail action aborted: exceeded storage allocation", Meaning.MAILBOX_FULL),
    ("452 Mailbox full", Meaning.MAILBOX_FULL),
    ("550 Quota exceeded. The recipients mailbox is full", Meaning.MAILBOX_FULL),
    ("552 5.3.4 Message size exceeds fixed limit", Meaning.UNCLEAR),
    ("452 4.3.1 Insufficient system storage", Meaning.SERVER_BROKEN),
    ("550 5.7.1 Daily sending quota exceeded", Meaning.POLICY),
    # rate and volume of the mailbox
    ("550 5.2.1 The user you are trying to contact receives mail at a rate that prevents more", Meaning.SERVER_BROKEN),
    ("450 4.2.1 The user you are trying to contact is receiving mail too quickly", Meaning.SERVER_BROKEN),
    # greylisted
    ("451 192.0.2.1 is not yet authorized to deliver mail from <x@y.example> to <a@b.example>. Please try later.",
     Meaning.GREYLISTED),
    ("450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted, see http://x.example/", Meaning.GREYLISTED),
    ("451 4.7.1 Greylisting in action, please come back in 00:05:00", Meaning.GREYLISTED),
    ("450 4.7.1 <a@b.example>: Recipient address rejected: Policy restrictions; try again later in 300 seconds",
     Meaning.GREYLISTED),
    ("451 Temporarily greylisted, try again later", Meaning.GREYLISTED),
    ("451 4.7.1 Try again in 5 minutes", Meaning.GREYLISTED),
    ("450 4.7.1 You are graylisted", Meaning.GREYLISTED),
    ("451 4.7.1 Service unavailable - try again later", Meaning.SERVER_BROKEN),
    # the server's own trouble
    ("450 Requested mail action not taken: mailbox unavailable", Meaning.SERVER_BROKEN),
    ("451 4.3.0 Temporary lookup failure", Meaning.SERVER_BROKEN),
    ("451 Requested action aborted: local error in processing", Meaning.SERVER_BROKEN),
    ("451 Temporary local problem - please try later", Meaning.SERVER_BROKEN),
    ("450 4.1.1 <a@b.example>: Recipient address rejected: unverified: host unreachable", Meaning.SERVER_BROKEN),
    ("450 4.1.1 <a@b.example>: Recipient address rejected: User unknown in local table", Meaning.SERVER_BROKEN),
    ("451 4.4.1 Connection timed out, try again in 10 minutes", Meaning.SERVER_BROKEN),
    ("454 4.7.1 <a@b.example>: Relay access denied", Meaning.SERVER_BROKEN),
    ("450 4.1.1 <a@b.example>: Recipient address rejected: unverified: connect to mx.b.example: Connection refused",
     Meaning.SERVER_BROKEN),
    # we are refused
    ("550 5.7.1 [192.0.2.1] The IP you're using to send mail is not authorized to send email directly to our servers",
     Meaning.WE_ARE_REFUSED),
    ("421 4.7.0 Too many connections", Meaning.WE_ARE_REFUSED),
    ("421 Too many errors", Meaning.WE_ARE_REFUSED),
    ("550 5.7.1 Your address 192.0.2.1 is on a block list", Meaning.WE_ARE_REFUSED),
    ("554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", Meaning.WE_ARE_REFUSED),
    ("550 5.1.1 rejected: 192.0.2.1 is listed at bl.spamcop.net", Meaning.WE_ARE_REFUSED),
    ("550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Their network is on our block list (S3140)",
     Meaning.WE_ARE_REFUSED),
    ("550 5.7.606 Access denied, banned sending IP [192.0.2.1]", Meaning.WE_ARE_REFUSED),
    ("550 5.7.25 The IP address sending this message does not have a PTR record", Meaning.WE_ARE_REFUSED),
    ("450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]", Meaning.WE_ARE_REFUSED),
    ("550 5.7.1 Client host rejected: cannot find your reverse hostname", Meaning.WE_ARE_REFUSED),
    ("504 5.5.2 <x>: Helo command rejected: need fully-qualified hostname", Meaning.WE_ARE_REFUSED),
    ("451 4.7.500 Server busy. Please try again later from [192.0.2.1].", Meaning.WE_ARE_REFUSED),
    ("450 4.7.1 rate limit exceeded, try again in 60 seconds", Meaning.WE_ARE_REFUSED),
    ("550 poor reputation", Meaning.WE_ARE_REFUSED),
    ("450 4.1.8 <p@x.example>: Sender address rejected: Domain not found", Meaning.WE_ARE_REFUSED),
    # policy: no answer will come
    ("550 5.7.1 sender refused by policy", Meaning.POLICY),
    ("554 5.7.1 <a@b.example>: Relay access denied", Meaning.POLICY),
    ("550 relay not permitted", Meaning.POLICY),
    ("550 5.1.1 relaying denied", Meaning.POLICY),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", Meaning.POLICY),
    ("550 5.7.1 Unable to relay", Meaning.POLICY),
    ("550 5.1.2 <a@b.example>: Recipient address rejected: Domain not found", Meaning.POLICY),
    ("550 5.1.2 We don't handle mail for that domain", Meaning.POLICY),
    ("550 5.1.1 Sender verify failed", Meaning.POLICY),
    ("550-Verification failed for <p@x.example>", Meaning.UNCLEAR),
    ("550 Sender verify failed", Meaning.POLICY),
    ("550 5.7.23 SPF validation failed", Meaning.POLICY),
    ("550 5.7.1 SPF check failed: your ip is not permitted", Meaning.POLICY),
    ("550 5.7.1 Recipient rejected: user unknown", Meaning.POLICY),
    ("550 5.7.1 No such user!", Meaning.POLICY),
    ("550 5.7.1 Authentication required", Meaning.POLICY),
    ("530 5.7.0 Must issue a STARTTLS command first", Meaning.POLICY),
    ("550 Administrative prohibition", Meaning.POLICY),
    ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", Meaning.POLICY),
    ("550 Requested action not taken: mailbox unavailable, invalid DNS MX or A/AAAA resource record", Meaning.POLICY),
    ("553 5.1.8 <p@x.example>... Domain of sender address p@x.example does not exist", Meaning.POLICY),
    # nothing can be told
    ("550", Meaning.UNCLEAR),
    ("550 5.2.4 Mailing list expansion problem", Meaning.UNCLEAR),
    ("550 Rejected", Meaning.UNCLEAR),
    ("554 Transaction failed", Meaning.UNCLEAR),
    ("503 5.5.1 Bad sequence of commands", Meaning.UNCLEAR),
    ("550 5.3.0 internal server error", Meaning.UNCLEAR),
    ("550 mailbox temporarily unavailable", Meaning.UNCLEAR),
    ("554 no such user", Meaning.UNCLEAR),
]  # fmt: skip

AT_OTHER_STAGES: list[tuple[Stage, str, Meaning]] = [
    (Stage.GREETING, "554 5.7.1 Your address is on a block list", Meaning.WE_ARE_REFUSED),
    (Stage.GREETING, "554 go away", Meaning.WE_ARE_REFUSED),
    (Stage.GREETING, "554 No SMTP service here", Meaning.POLICY),
    (Stage.GREETING, "521 mx.example.com does not accept mail", Meaning.POLICY),
    (Stage.GREETING, "421 4.7.0 too many connections", Meaning.WE_ARE_REFUSED),
    (Stage.GREETING, "451 4.3.0 try later", Meaning.SERVER_BROKEN),
    (Stage.GREETING, "250 hello", Meaning.UNCLEAR),
    (Stage.EHLO, "550 5.1.1 no such user", Meaning.WE_ARE_REFUSED),
    (Stage.EHLO, "550 Helo rejected", Meaning.WE_ARE_REFUSED),
    (Stage.MAIL, "550 5.1.1 User unknown", Meaning.POLICY),
    (Stage.MAIL, "550 5.7.1 blocked using dnsbl.example", Meaning.WE_ARE_REFUSED),
    (Stage.MAIL, "552 5.2.2 over quota", Meaning.UNCLEAR),
    (Stage.MAIL, "451 4.7.1 Greylisted", Meaning.GREYLISTED),
    (Stage.MAIL, "451 4.3.0 local error", Meaning.SERVER_BROKEN),
    (Stage.STARTTLS, "454 4.7.0 TLS not available due to local problem", Meaning.SERVER_BROKEN),
]


def reply(line: str) -> Reply:
    return read_reply([line.encode()])


@pytest.mark.parametrize(("line", "meaning"), AT_RCPT)
def test_what_a_reply_to_rcpt_means(line: str, meaning: Meaning) -> None:
    assert read(reply(line)) == meaning


@pytest.mark.parametrize(("stage", "line", "meaning"), AT_OTHER_STAGES)
def test_what_a_reply_at_other_stages_means(stage: Stage, line: str, meaning: Meaning) -> None:
    assert read(reply(line), stage) == meaning


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sample[:40])
def test_each_row_reads_its_own_sample(row: Row) -> None:
    stage = next(stage for stage in (Stage.RCPT, Stage.MAIL, Stage.GREETING) if stage in row.stages)
    assert read(reply(row.sample), stage) == row.meaning


@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.MAIL])
@pytest.mark.parametrize("line", [line for line, _ in AT_RCPT])
def test_nothing_before_rcpt_speaks_of_the_mailbox(stage: Stage, line: str) -> None:
    assert read(reply(line), stage) not in {Meaning.ACCEPTED, Meaning.NO_MAILBOX, Meaning.MAILBOX_FULL}


@pytest.mark.parametrize("line", [line for line, _ in AT_RCPT if line.startswith("4")])
def test_no_transient_reply_is_a_missing_mailbox(line: str) -> None:
    assert read(reply(line)) != Meaning.NO_MAILBOX


@pytest.mark.parametrize("line", ["550 5.1.1 unknown user", "552 5.2.2 full", "553 5.6.7 non-ASCII"])
def test_a_damaged_reply_never_decides_against_an_address(line: str) -> None:
    assert read(read_reply([line.encode()], damaged=True)) == Meaning.UNCLEAR


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("452 4.5.3 Error: too many recipients", True),
        ("452 Too many recipients received this hour", True),
        ("552 too many recipients", True),
        ("452 4.2.2 Mailbox full", False),
        ("550 5.5.3 too many recipients", False),
    ],
)
def test_a_server_that_takes_no_more_recipients(line: str, expected: bool) -> None:
    assert wants_fewer(reply(line)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("530 5.7.0 Must issue a STARTTLS command first", True),
        ("550 5.7.10 no", True),
        ("550 TLS encryption required", True),
        ("554 5.7.1 Please use STARTTLS", True),
        ("450 4.7.1 <a@b.example>: Recipient address rejected: Session encryption is required", True),
        ("250 2.1.0 encryption required", False),
        ("550 5.1.1 <tls-required@b.example>: unknown user", False),
        ("550 <starttls-first@b.example> no such user here, only https://b.example/tls", False),
        ("550 5.7.1 Service unavailable; Client host blocked", False),
        ("550 Administrative prohibition", False),
    ],
)
def test_a_server_that_wants_to_be_asked_over_tls(line: str, expected: bool) -> None:
    assert wants_tls(reply(line)) == expected
