from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from verification.domain.dialogue import MOST_CHARACTERS, MOST_LINES, Line, dialogue_of
from verification.engine.types import (
    Attempt,
    CatchAll,
    CatchAllState,
    Evidence,
    MailHostsOutcome,
    Meaning,
    Stage,
    SyntaxFault,
    Trouble,
)
from verification.engine.verdict import judge
from verification.models import CheckResult

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOST, ADDRESS = "mx.ok.test", "192.0.2.25"
REFUSED = Attempt(
    Stage.RCPT, HOST, ADDRESS, "198.51.100.1", 550, "5.1.1", "No such user", meaning=Meaning.NO_MAILBOX, milliseconds=31
)
GREYLISTED = replace(REFUSED, code=451, enhanced="4.7.1", text="Try later", meaning=Meaning.GREYLISTED)
SILENT = Attempt(Stage.CONNECT, HOST, ADDRESS, trouble=Trouble.TIMEOUT, milliseconds=20_000)
WHO, TO = "mx.ok.test [192.0.2.25]", "to RCPT TO from 198.51.100.1"


def result_of(evidence: Evidence | object, *, final: bool = True, **verdict: str) -> CheckResult:
    found = judge(evidence) if isinstance(evidence, Evidence) else judge(Evidence())
    kept = evidence.as_dict() if isinstance(evidence, Evidence) else evidence
    values = {"result": found.result, "reason": found.reason, "blame": found.blame} | verdict
    return CheckResult(evidence=kept, final=final, checked_at=NOON, **values)


def test_a_dialogue_is_told_in_the_order_of_the_pipeline() -> None:
    evidence = Evidence(
        mail_hosts=MailHostsOutcome.FOUND,
        mail_hosts_detail="MX 10 mx.ok.test",
        attempts=(SILENT, REFUSED),
        catch_all=CatchAll(CatchAllState.NO, int(NOON.timestamp()), HOST),
    )
    assert dialogue_of(result_of(evidence)) == [
        Line("", "DNS", "MX 10 mx.ok.test", "", "found", ""),
        Line("20,000 ms", WHO, "to our connection: no reply, timeout", "", "timeout", "their_outage"),
        Line("31 ms", WHO, f"{TO}: No such user", "550 5.1.1", "no_mailbox", "address"),
        Line("2026-11-22 12:00:00 UTC", HOST, "asked for a random recipient of this domain", "", "catch-all: no", ""),
        Line("2026-11-22 12:00:00 UTC", "we", "verdict", "", "Bad/MailboxDoesNotExist", "address"),
    ]


@pytest.mark.parametrize(
    ("evidence", "line"),
    [
        (
            Evidence(syntax_fault=SyntaxFault.NO_AT_SIGN, syntax_detail="no @"),
            Line("", "we", "no @", "", "no_at_sign", "address"),
        ),
        (
            Evidence(mail_hosts=MailHostsOutcome.RESOLVER_SILENT, mail_hosts_detail="no answer"),
            Line("", "DNS", "no answer", "", "resolver_silent", "our_network"),
        ),
        (
            Evidence(is_disposable=True),
            Line("", "we", "in the list of disposable addresses", "", "disposable", "their_policy"),
        ),
        (
            Evidence(is_spam_trap=True),
            Line("", "we", "in the list of spam traps", "", "spam_trap", "address"),
        ),
        (
            Evidence(not_probed="do_not_probe"),
            Line("", "we", "no mail server is asked", "", "do_not_probe", "their_policy"),
        ),
        (
            Evidence(former_source="192.0.2.1", attempts=(GREYLISTED,)),
            Line("", "we", "asked from 192.0.2.1 before, which is ours no more"),
        ),
        (
            Evidence(attempts=(GREYLISTED,)),
            Line("31 ms", WHO, f"{TO}: Try later", "451 4.7.1", "greylisted", "their_policy"),
        ),
        (
            Evidence(attempts=(replace(REFUSED, tls="TLSv1.3 ab12"),)),
            Line("31 ms", WHO, f"{TO}: No such user (TLSv1.3 ab12)", "550 5.1.1", "no_mailbox", "address"),
        ),
        (
            Evidence(attempts=(Attempt(Stage.CONNECT, trouble=Trouble.BACKOFF),)),
            Line("0 ms", "we", "to our connection: no reply, backoff", "", "backoff", "our_address"),
        ),
        (Evidence(our_fault="a bug"), Line("", "we", "a bug", "", "our_fault", "our_fault")),
    ],
)
def test_each_kind_of_evidence_has_its_line(evidence: Evidence, line: Line) -> None:
    lines = dialogue_of(result_of(evidence))
    assert lines[0] == line
    assert lines[-1].said == "verdict"


def test_a_verdict_that_will_be_tried_again_says_so() -> None:
    assert dialogue_of(result_of(Evidence(attempts=(GREYLISTED,)), final=False))[-1].said == (
        "verdict for now, to be tried again"
    )


def test_another_verdict_of_today_s_rules_is_told_beside_the_kept_one() -> None:
    kept: dict[str, Any] = {"result": "Unverifiable", "reason": "Unknown", "blame": "unknown"}
    assert dialogue_of(result_of(Evidence(attempts=(REFUSED,)), **kept))[-2:] == [
        Line("2026-11-22 12:00:00 UTC", "we", "verdict", "", "Unverifiable/Unknown", "unknown"),
        Line("", "we", "what today's rules make of it", "", "Bad/MailboxDoesNotExist", "address"),
    ]


def test_lines_are_bounded_in_number_and_length() -> None:
    long = replace(REFUSED, text="x" * 10_000, host="h" * 10_000)
    lines = dialogue_of(result_of(Evidence(attempts=(long,) * 1_000)))
    assert len(lines) == MOST_LINES - 1
    assert max(len(each) for line in lines for each in (line.who, line.said, line.meaning)) == MOST_CHARACTERS
    assert lines[-1].said == "verdict"


MISTYPED = {"attempts": [{"stage": "rcpt", "meaning": "accepted", "host": 5, "milliseconds": "x"}]}


@pytest.mark.parametrize(
    "evidence",
    [
        {"says": "550"},
        {"attempts": "x"},
        {"attempts": [{"stage": "nowhere"}]},
        {"catch_all": 3},
        "text",
        None,
        MISTYPED,
    ],
)
def test_evidence_of_another_form_is_no_dialogue(evidence: object) -> None:
    assert dialogue_of(result_of(evidence)) == []


def test_erased_evidence_leaves_the_verdict() -> None:
    assert [line.meaning for line in dialogue_of(result_of({}))] == ["Unverifiable/Unknown"]
