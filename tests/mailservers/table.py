"""What the engine has to say of each address at the real servers, written by hand.

A line is `role | local parts | verdict`; `missing*6` stands for missing-1 to missing-6.  A passage is one run of the
engine over all its addresses at once; a later passage meets servers that remember the earlier ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.mailservers.zone import NAMELESS_ADDRESS, OUR_ADDRESS, OUR_NAME

VERDICTS = {
    "OK": "Ok Success none",
    "MISSING": "Bad MailboxDoesNotExist address",
    "FULL": "Bad MailboxFull address",
    "NO_UTF8": "Bad ServerDoesNotSupportInternationalMailboxes address",
    "CATCH_ALL": "Unverifiable ServerIsCatchAll their_policy",
    "GREY": "Unverifiable GreyListing their_policy",
    "BLOCKED": "RetryLater TransientNetworkFault our_address",
    "OUTAGE": "RetryLater TransientNetworkFault their_outage",
    "POLICY": "Unverifiable None their_policy",
}


@dataclass(frozen=True, slots=True)
class Passage:
    """One run of the engine, `wait` seconds after the one before."""

    title: str
    rows: str
    source: str = OUR_ADDRESS
    helo: str = OUR_NAME
    mail_from: str = f"probe@{OUR_NAME}"
    wait: float = 0.0

    def expected(self) -> Iterator[tuple[str, str]]:
        """Give (address, verdict) for each address, in the table's order."""
        for line in self.rows.strip().splitlines():
            role, local_parts, verdict = (part.strip() for part in line.split("|"))
            for local_part in _expanded(local_parts):
                yield f"{local_part}@{role}.test", VERDICTS[verdict]


def _expanded(local_parts: str) -> Iterator[str]:
    for word in local_parts.split():
        name, star, count = word.partition("*")
        yield from (f"{name}-{number}" for number in range(1, int(count) + 1)) if star else (word,)


PASSAGES = (
    Passage(
        "First contact",
        """
postfix-virtual      | alice bob o'neil alice+news ALICE        | OK
postfix-virtual      | missing moved                            | MISSING
postfix-local        | alice                                    | OK
postfix-local        | missing                                  | MISSING
postfix-relay        | alice                                    | OK
postfix-relay        | missing                                  | MISSING
postfix-alias        | alice                                    | OK
postfix-alias        | missing                                  | MISSING
postfix-catchall     | alice missing                            | CATCH_ALL
postfix-unlisted     | alice missing                            | CATCH_ALL
postfix-grey         | alice missing                            | GREY
postfix-access       | alice                                    | OK
postfix-access       | full fuller                              | FULL
postfix-access       | disabled missing                         | MISSING
postfix-access       | later                                    | GREY
postfix-access       | busy                                     | OUTAGE
postfix-access       | refused spam                             | POLICY
postfix-shut         | alice                                    | OUTAGE
postfix-shut         | bob carol                                | OK
postfix-shut         | missing                                  | MISSING
postfix-dnsbl        | alice missing                            | BLOCKED
postfix-dnsbldoor    | alice missing                            | BLOCKED
postfix-foreign      | alice missing                            | POLICY
postfix-deferred     | alice missing                            | OUTAGE
postfix-closed       | alice missing                            | POLICY
postfix-login        | alice missing                            | POLICY
postfix-tls          | alice bob                                | OK
postfix-tls          | missing                                  | MISSING
postfix-tlsrcpt      | alice bob                                | OK
postfix-tlsrcpt      | missing                                  | MISSING
postfix-utf8         | alice jürgen                             | OK
postfix-utf8         | missing müller                           | MISSING
postfix-ascii        | alice                                    | OK
postfix-ascii        | jürgen                                   | NO_UTF8
postfix-errors       | alice bob carol dora                     | OK
postfix-errors       | missing*12                               | MISSING
postfix-tarpit       | alice bob                                | OK
postfix-tarpit       | missing*4                                | MISSING
postfix-few          | alice bob carol dora                     | OK
postfix-few          | missing*6                                | MISSING
postfix-single       | alice bob carol dora                     | OK
postfix-single       | missing*24                               | MISSING
postfix-stepwise     | alice bob                                | OK
postfix-stepwise     | missing*3                                | MISSING
postfix-broken       | alice missing                            | OUTAGE
postfix-brokenmap    | alice missing                            | OUTAGE
postfix-verify       | alice                                    | OK
postfix-verify       | missing                                  | MISSING
postfix-verifying    | alice missing                            | OUTAGE
postfix-verifydown   | alice missing                            | OUTAGE
postfix-sender       | alice                                    | OK
postfix-sendercheck  | alice missing                            | BLOCKED
postfix-helo         | alice                                    | OK
postfix-ptr          | alice                                    | OK
postfix-screen       | alice                                    | OK
postfix-screen       | missing                                  | MISSING
postfix-screendeep   | alice missing                            | OUTAGE
postfix-screendnsbl  | alice missing                            | BLOCKED
exim-plain           | alice alice+news                         | OK
exim-plain           | missing                                  | MISSING
exim-unrouteable     | alice                                    | OK
exim-unrouteable     | missing                                  | MISSING
exim-catchall        | alice missing                            | CATCH_ALL
exim-grey            | alice                                    | GREY
exim-grey            | missing                                  | MISSING
exim-access          | alice                                    | OK
exim-access          | full fuller                              | FULL
exim-access          | suspended nobody nomail missing          | MISSING
exim-access          | spam                                     | POLICY
exim-quota           | alice                                    | OK
exim-quota           | full                                     | POLICY
exim-quota           | missing                                  | MISSING
exim-quotatold       | alice                                    | OK
exim-quotatold       | full                                     | FULL
exim-quotatold       | missing                                  | MISSING
exim-dnsbl           | alice missing                            | BLOCKED
exim-dnsbldrop       | alice missing                            | BLOCKED
exim-closed          | alice missing                            | BLOCKED
exim-foreign         | alice missing                            | POLICY
exim-tls             | alice                                    | OK
exim-tls             | missing                                  | MISSING
exim-tlsbare         | alice                                    | OK
exim-tlsbare         | missing                                  | MISSING
exim-utf8            | alice jürgen                             | OK
exim-utf8            | missing müller                           | MISSING
exim-ascii           | alice                                    | OK
exim-ascii           | jürgen                                   | NO_UTF8
exim-harvest         | alice bob carol dora                     | OK
exim-harvest         | missing*8                                | MISSING
exim-errors          | alice bob                                | OK
exim-errors          | missing*12                               | MISSING
exim-perconnection   | alice bob carol dora                     | OK
exim-perconnection   | missing*30                               | MISSING
exim-single          | alice bob carol dora                     | OK
exim-single          | missing*24                               | MISSING
exim-few             | alice bob carol dora                     | OK
exim-few             | missing*6                                | MISSING
exim-fewhard         | alice bob carol dora                     | OK
exim-fewhard         | missing*6                                | MISSING
exim-stepwise        | alice bob                                | OK
exim-stepwise        | missing*3                                | MISSING
exim-slow            | alice                                    | OK
exim-slow            | missing                                  | MISSING
exim-helo            | alice                                    | OK
exim-sender          | alice                                    | OK
exim-deny            | alice missing                            | POLICY
exim-defer           | alice missing                            | OUTAGE
exim-rate            | alice                                    | BLOCKED
exim-callforward     | alice                                    | OK
exim-callforward     | missing                                  | MISSING
opensmtpd-plain      | alice alice+news                         | OK
opensmtpd-plain      | missing                                  | MISSING
opensmtpd-plain      | jürgen                                   | NO_UTF8
opensmtpd-accounts   | vmail                                    | OK
opensmtpd-accounts   | missing                                  | MISSING
opensmtpd-catchall   | alice missing                            | CATCH_ALL
opensmtpd-foreign    | alice missing                            | MISSING
opensmtpd-refused    | alice missing                            | MISSING
opensmtpd-tls        | alice missing                            | OUTAGE
opensmtpd-tlsoffered | alice                                    | OK
opensmtpd-dnsbl      | alice missing                            | BLOCKED
opensmtpd-score      | alice missing                            | BLOCKED
opensmtpd-rdns       | alice                                    | OK
opensmtpd-helo       | alice                                    | OK
opensmtpd-rcpt       | alice                                    | OK
opensmtpd-rcpt       | full                                     | FULL
opensmtpd-few        | alice bob carol dora                     | OK
opensmtpd-few        | missing*6                                | MISSING
opensmtpd-errors     | alice bob                                | OK
opensmtpd-errors     | missing*24                               | MISSING
""",
    ),
    Passage(
        "The same sender and source again, when greylisting has passed",
        """
postfix-grey         | alice                                    | OK
postfix-grey         | missing                                  | MISSING
postfix-screendeep   | alice                                    | OK
postfix-screendeep   | missing                                  | MISSING
postfix-verifying    | alice                                    | OK
postfix-verifying    | missing                                  | MISSING
exim-grey            | alice                                    | OK
""",
        wait=3.0,
    ),
    Passage(
        "A sender whose domain does not exist",
        """
postfix-sender       | alice missing                            | BLOCKED
exim-sender          | alice missing                            | POLICY
""",
        mail_from="probe@nowhere.test",
    ),
    Passage(
        "A name in EHLO that does not exist",
        """
postfix-helo         | alice missing                            | BLOCKED
exim-helo            | alice missing                            | BLOCKED
opensmtpd-helo       | alice missing                            | BLOCKED
""",
        helo="nowhere.test",
    ),
    Passage(
        "An address of ours without a name",
        """
postfix-ptr          | alice missing                            | BLOCKED
postfix-dnsbl        | alice                                    | OK
opensmtpd-rdns       | alice missing                            | BLOCKED
opensmtpd-dnsbl      | alice                                    | OK
""",
        source=NAMELESS_ADDRESS,
    ),
)
