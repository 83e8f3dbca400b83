"""The evidence of a result as a dialogue: who said what, what it means, and whose fault that would be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from django.utils.timezone import localtime

from verification.engine.types import Attempt, Blame, CatchAllState, Evidence, MailHostsOutcome, Stage, Verdict
from verification.engine.verdict import judge
from verification.models import CheckResult

MOST_LINES = 60
MOST_CHARACTERS = 500  # of a line
AT = {
    Stage.CONNECT: "to our connection",
    Stage.GREETING: "as greeting",
    Stage.EHLO: "to EHLO",
    Stage.STARTTLS: "to STARTTLS",
    Stage.MAIL: "to MAIL FROM",
    Stage.RCPT: "to RCPT TO",
}


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said; `blame` is the one that a verdict by this line alone would have, "" for none."""

    time: str
    who: str
    said: str
    code: str = ""
    meaning: str = ""
    blame: str = ""


def dialogue_of(result: CheckResult) -> list[Line]:
    """Give the lines in the order of the pipeline, at most MOST_LINES, the verdict last; [] of unreadable evidence."""
    try:
        evidence = Evidence.from_dict(result.evidence)
        return [*lines_of(evidence), *map(_bounded, _verdicts(result, evidence))]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):  # of an older form
        return []


def conversation_of(result: CheckResult) -> list[Line]:
    """Give what was said, without what the verdict makes of it, for customers; [] of unreadable evidence."""
    try:
        return lines_of(Evidence.from_dict(result.evidence))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):  # of an older form
        return []


def lines_of(evidence: Evidence) -> list[Line]:
    """Give what was said, without the verdict."""
    return [_bounded(line) for line in islice(_lines(evidence), MOST_LINES - 2)]


def _bounded(line: Line) -> Line:
    return replace(line, who=cut(line.who), said=cut(line.said), meaning=cut(line.meaning))


def shown(moment: datetime) -> str:
    """Give a moment in the zone of whoever is reading."""
    return f"{localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


def cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _lines(evidence: Evidence) -> Iterator[Line]:
    if evidence.syntax_fault:
        yield _ours(evidence.syntax_detail, evidence.syntax_fault, judge(Evidence(syntax_fault=evidence.syntax_fault)))
    if evidence.mail_hosts:
        yield _dns(evidence.mail_hosts, evidence.mail_hosts_detail)
    if evidence.is_spam_trap:
        yield _ours("in the list of spam traps", "spam_trap", judge(Evidence(is_spam_trap=True)))
    if evidence.is_disposable:
        yield _ours("in the list of disposable addresses", "disposable", judge(Evidence(is_disposable=True)))
    if evidence.not_probed:
        yield _ours("no mail server is asked", evidence.not_probed, judge(Evidence(not_probed=evidence.not_probed)))
    if evidence.former_source:
        yield Line("", "we", f"asked from {evidence.former_source} before, which is ours no more")
    yield from map(_attempt, evidence.attempts)
    if evidence.catch_all.state is not CatchAllState.NOT_TESTED:
        probed = datetime.fromtimestamp(evidence.catch_all.probed_at, UTC)
        said = "asked for a random recipient of this domain"
        yield Line(shown(probed), evidence.catch_all.host, said, "", f"catch-all: {evidence.catch_all.state}")
    if evidence.our_fault:
        yield _ours(evidence.our_fault, "our_fault", judge(Evidence(our_fault="yes")))


def _ours(said: str, meaning: str, verdict: Verdict) -> Line:
    return Line("", "we", said, "", meaning, verdict.blame)


def _dns(outcome: MailHostsOutcome, detail: str) -> Line:
    is_found = outcome is MailHostsOutcome.FOUND
    return Line("", "DNS", detail, "", outcome, "" if is_found else judge(Evidence(mail_hosts=outcome)).blame)


def _attempt(attempt: Attempt) -> Line:
    place = f"{attempt.host} [{attempt.address}]" if attempt.address else attempt.host
    said = attempt.text or (f"no reply, {attempt.trouble}" if attempt.trouble else "nothing more")
    asked = " ".join(filter(None, [AT[attempt.stage], attempt.source and f"from {attempt.source}"]))
    verdict = judge(Evidence(mail_hosts=MailHostsOutcome.FOUND, attempts=(attempt,)))
    return Line(
        f"{attempt.milliseconds:,} ms",
        place or "we",
        f"{asked}: {said}" + (f" ({attempt.tls})" if attempt.tls else ""),
        " ".join(filter(None, [str(attempt.code or ""), attempt.enhanced])),
        attempt.trouble or attempt.meaning,
        "" if verdict.blame is Blame.NONE else verdict.blame,
    )


def _verdicts(result: CheckResult, evidence: Evidence) -> Iterator[Line]:
    """Give the verdict as it is kept, and the one of today's rules where it is another."""
    words = "verdict" if result.final else "verdict for now, to be tried again"
    yield Line(shown(result.checked_at), "we", words, "", f"{result.result}/{result.reason}", result.blame)
    today = judge(evidence)
    if result.final and (today.result, today.reason, today.blame) != (result.result, result.reason, result.blame):
        yield Line("", "we", "what today's rules make of it", "", f"{today.result}/{today.reason}", today.blame)
