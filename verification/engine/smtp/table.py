"""What replies say of the recipient: a table, its first row that fits decides.

Only a permanent refusal of this recipient is a missing mailbox; texts about relaying, the sender, our address or
authentication never are, whatever the code beside them.  Each row has a reply that was seen in the wild, or that a
server's source or manual gives; the tests read them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from verification.engine.smtp.phrases import Subject
from verification.engine.types import Meaning, Stage

_4XX = frozenset(range(400, 500))
_5XX = frozenset(range(500, 600))
_OPENING = frozenset({Stage.GREETING, Stage.EHLO})
_BEFORE_RCPT = frozenset({Stage.GREETING, Stage.EHLO, Stage.STARTTLS, Stage.MAIL})
_RCPT = frozenset({Stage.RCPT})
_ANY_STAGE = _BEFORE_RCPT | _RCPT

# Subject and detail of enhanced codes (RFC 3463, RFC 5248, RFC 7372, RFC 7505), without the class.
_NO_SUCH = frozenset({"1.1", "1.3", "1.6", "1.10"})
_GENERIC = frozenset({"", "0.0", "1.0", "2.0", "3.0", "5.0"})  # "other or undefined": no more than the bare code
_SENDER = frozenset({"1.7", "1.8", "7.27"})
_FORGERY = frozenset({"7.20", "7.21", "7.22", "7.23", "7.24", "7.26"})
_BANNED = frozenset({"7.25", "7.500", "7.511", "7.700", "7.705", "7.708"} | {f"7.{n}" for n in range(606, 650)})
_SERVER = frozenset(f"{subject}.{detail}" for subject in (3, 4) for detail in range(10))

_ABOUT_US = frozenset(
    {Subject.RELAY, Subject.AUTHENTICATION, Subject.FORGERY, Subject.SENDER, Subject.OUR_ADDRESS}
)  # whatever the code, such a text says nothing of the mailbox
_BARE_VETO = _ABOUT_US | {Subject.POLICY, Subject.SERVER, Subject.RATE}


@dataclass(frozen=True, slots=True)
class Row:
    """A row fits when each of its conditions does; `details` None: any enhanced code; `speaks` empty: any text."""

    meaning: Meaning
    sample: str
    source: str
    codes: frozenset[int] = _4XX | _5XX
    details: frozenset[str] | None = None
    speaks: frozenset[Subject] = frozenset()  # of one of these
    unless: frozenset[Subject] = frozenset()
    stages: frozenset[Stage] = _RCPT
    security: bool = False  # enhanced code x.7.*

    def fits(self, code: int, detail: str, spoken: frozenset[Subject], stage: Stage) -> bool:
        return (
            code in self.codes
            and stage in self.stages
            and (self.details is None or detail in self.details)
            and (not self.security or detail.startswith("7."))
            and (not self.speaks or not self.speaks.isdisjoint(spoken))
            and self.unless.isdisjoint(spoken)
        )


def _of(*subjects: Subject) -> frozenset[Subject]:
    return frozenset(subjects)


TABLE: tuple[Row, ...] = (
    Row(
        Meaning.GREYLISTED,
        "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help",
        "Postfix with postgrey",
        codes=_4XX,
        speaks=_of(Subject.GREYLIST),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.SERVER_BROKEN,
        "421 4.3.2 Service shutting down",
        "RFC 5321 section 3.8; Exchange",
        codes=frozenset({421}),
        details=_SERVER,
        unless=_of(Subject.OUR_ADDRESS, Subject.RATE),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.WE_ARE_REFUSED,
        "421 4.7.0 mx.example.com Error: too many errors",
        "Postfix smtpd_hard_error_limit",
        codes=frozenset({421}),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.SERVER_BROKEN,
        "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
        "Google",
        details=frozenset({"2.1"}),
        speaks=_of(Subject.RATE),
    ),
    Row(
        Meaning.MAILBOX_FULL,
        "452 4.2.2 The email account that you tried to reach is over quota.",
        "Google",
        details=frozenset({"2.2"}),
        unless=_of(Subject.RATE),
    ),
    Row(
        Meaning.MAILBOX_FULL,
        "552 <a@b.example>: mailbox is full (quota exceeded)",
        "Courier, Dovecot; RFC 5321 section 4.2.3",
        speaks=_of(Subject.FULL),
        unless=_of(Subject.RATE) | _ABOUT_US,
    ),
    Row(Meaning.MAILBOX_FULL, "422 Mailbox", "older gateways", codes=frozenset({422})),
    Row(
        Meaning.NO_SMTPUTF8,
        "553 5.6.7 Address includes non-ASCII characters, which is not supported",
        "RFC 6531 section 3.5; Exchange",
        codes=_5XX,
        details=frozenset({"6.7"}),
    ),
    Row(
        Meaning.WE_ARE_REFUSED,
        "450 4.1.8 <probe@x.example>: Sender address rejected: Domain not found",
        "Postfix reject_unknown_sender_domain",
        codes=_4XX,
        details=_SENDER,
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.POLICY,
        "553 5.1.8 <probe@x.example>... Domain of sender address does not exist",
        "Sendmail",
        codes=_5XX,
        details=_SENDER,
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.POLICY,
        "550 5.7.23 The message was rejected because of Sender Policy Framework violation",
        "RFC 7372; Exchange Online",
        codes=_5XX,
        details=_FORGERY,
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.POLICY,
        "550 5.7.1 SPF fail: your server is not allowed to send for this domain",
        "pypolicyd-spf",
        codes=_5XX,
        speaks=_of(Subject.FORGERY),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.WE_ARE_REFUSED,
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
        "Exchange Online",
        details=_BANNED,
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.POLICY,
        "554 5.7.1 <a@b.example>: Relay access denied",
        "Postfix reject_unauth_destination",
        codes=_5XX,
        speaks=_of(Subject.RELAY),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.WE_ARE_REFUSED,
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "Postfix reject_rbl_client",
        speaks=_of(Subject.OUR_ADDRESS),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.WE_ARE_REFUSED,
        "450 4.7.1 Too much mail at this rate, slow down",
        "rate policies",
        codes=_4XX,
        speaks=_of(Subject.RATE, Subject.SENDER),
        unless=_of(Subject.USER),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.NO_MAILBOX,
        "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in virtual mailbox table",
        "Postfix",
        codes=_5XX,
        details=_NO_SUCH,
        unless=_ABOUT_US,
    ),
    Row(
        Meaning.NO_MAILBOX,
        "550 5.2.1 The email account that you tried to reach is disabled.",
        "Google",
        codes=_5XX,
        details=frozenset({"2.1"}),
        unless=_ABOUT_US,
    ),
    Row(
        Meaning.NO_MAILBOX,
        "524 5.2.4 Mailing list expansion problem: <a@b.example>",
        "OpenSMTPD, of an address that its virtual table does not have",
        codes=frozenset({524}),  # 550 5.2.4 elsewhere: a list that exists and is broken
        details=frozenset({"2.4"}),
        unless=_ABOUT_US,
    ),
    Row(
        Meaning.POLICY,
        "550 5.7.1 Message refused by sender policy",
        "RFC 3463 section 3.8",
        codes=_5XX,
        security=True,
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.POLICY,
        "530 Authentication required",
        "RFC 4954 section 6",
        codes=frozenset({530, 534, 535, 538, 571}),
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.POLICY,
        "550 Sender verify failed",
        "Exim verify = sender",
        codes=_5XX,
        speaks=_of(Subject.SENDER, Subject.AUTHENTICATION),
        stages=_ANY_STAGE,
    ),
    Row(Meaning.POLICY, "521 host does not accept mail", "RFC 7504", codes=frozenset({521}), stages=_ANY_STAGE),
    Row(
        Meaning.NO_MAILBOX,
        "550 Requested action not taken: mailbox unavailable",
        "GMX, web.de; RFC 5321 section 4.2.3",
        codes=frozenset({550, 551, 553}),
        details=_GENERIC,
        speaks=_of(Subject.USER),
        unless=_BARE_VETO,
    ),
    Row(
        Meaning.NO_MAILBOX,
        "550 5.1.2 <a@b.example>: user unknown",
        "gateways that mix up 5.1.1 and 5.1.2",
        codes=frozenset({550, 551, 553}),
        details=frozenset({"1.2", "4.4"}),
        speaks=_of(Subject.USER),
        unless=_BARE_VETO,
    ),
    Row(
        Meaning.POLICY,
        "550 5.1.2 <a@b.example>: bad destination system",
        "RFC 3463 section 3.2: the domain is none of this server's",
        codes=_5XX,
        details=frozenset({"1.2"}),
    ),
    Row(
        Meaning.POLICY,
        "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)",
        "Exchange Online",
        codes=_5XX,
        speaks=_of(Subject.POLICY),
        stages=_RCPT | {Stage.MAIL},
    ),
    Row(
        Meaning.GREYLISTED,
        "451 4.7.1 Please try again in 300 seconds",
        "milters and policy daemons that greylist without the word",
        codes=frozenset({450, 451}),
        details=frozenset({"", "0.0", "2.0", "5.0", "7.0", "7.1"}),
        speaks=_of(Subject.RETRY_IN),
        unless=_of(Subject.RATE),
        stages=_RCPT | {Stage.MAIL},
    ),
    Row(
        Meaning.SERVER_BROKEN,
        "451 4.3.0 <a@b.example>: Temporary lookup failure",
        "Postfix",
        codes=_4XX,
        stages=_ANY_STAGE,
    ),
    Row(
        Meaning.POLICY,
        "554 No SMTP service here",
        "RFC 5321 section 3.1",
        codes=frozenset({554}),
        speaks=_of(Subject.NO_SERVICE),
        stages=_OPENING,
    ),
    Row(
        Meaning.WE_ARE_REFUSED,
        "554 mx.example.com ESMTP not for you",
        "a refusal before we named anybody can only mean us",
        codes=_5XX,
        stages=_OPENING,
    ),
    Row(
        Meaning.POLICY,
        "550 Not acceptable",
        "a refusal of MAIL means the sender",
        codes=frozenset({550, 553, 554}),
        stages=frozenset({Stage.MAIL}),
    ),
)
