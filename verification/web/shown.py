"""Rows of the database in the words of the pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext

from accounts.models import LicenseKey
from verification.domain.dialogue import conversation_of
from verification.domain.job_pages import OfProvider, Share
from verification.domain.job_rows import Row
from verification.domain.person import ERASED
from verification.domain.prepared import is_fresh
from verification.domain.row_filter import OTHER_PROVIDERS, Chosen, RowFilter
from verification.engine.types import Blame, Reason, Result
from verification.models import Check, CheckResult, Classifier, Job, PreparedFile, PreparedState
from verification.web.words import BLAMES, REASONS, RESULTS, SAID, Words, _, provider_name

FILTERS: dict[RowFilter, str] = {
    RowFilter.ALL: _("All"),
    **{RowFilter(result.value): words for result, words in RESULTS.items()},
    RowFilter.RISKY: _("Risky"),
    RowFilter.UNDECIDED: _("Undecided"),
    RowFilter.WAITING: _("Waiting"),
    RowFilter.REFUSED: _("Not taken"),
    RowFilter.DUPLICATE: _("Duplicates"),
}
HISTORY_FILTERS = {kind: title for kind, title in FILTERS.items() if kind is not RowFilter.ALL}
PRESETS: list[tuple[str, str, str]] = [  # of downloads: kind of rows, title, what is in it
    (RowFilter.ALL.value, _("All rows"), _("in the order of your list, with all verdicts")),
    (RowFilter.OK.value, _("Safe to send"), _("the mailbox exists; each mailbox once")),
    (RowFilter.RISKY.value, _("Risky"), _("may arrive; nobody can promise it")),
    (RowFilter.BAD.value, _("Bad"), _("would bounce or do harm")),
    (RowFilter.UNDECIDED.value, _("Undecided"), _("no clear yes or no, the risky ones included")),
]
ENCODINGS = {
    "utf-8-sig": "UTF-8",
    "utf-8": "UTF-8",
    "cp1252": _("Windows (Western)"),
    "cp1250": _("Windows (Central European)"),
    "cp1251": _("Windows (Cyrillic)"),
    "cp1253": _("Windows (Greek)"),
    "cp1254": _("Windows (Turkish)"),
    "cp1255": _("Windows (Hebrew)"),
    "cp1256": _("Windows (Arabic)"),
    "koi8_r": _("KOI8-R (Cyrillic)"),
    "shift_jis": _("Shift JIS (Japanese)"),
    "euc_jp": _("EUC-JP (Japanese)"),
    "gb18030": _("GB 18030 (Chinese)"),
    "big5": _("Big5 (Chinese)"),
    "euc_kr": _("EUC-KR (Korean)"),
    "latin-1": "Latin-1",
}
DELIMITERS = {"": _("One address a line"), ",": _("Comma"), ";": _("Semicolon"), "\t": _("Tab"), "|": _("Vertical bar")}

SUPPRESSED = {
    Classifier.PREVIOUSLY_BOUNCED: _("On the suppression list, as mail to it bounced: not asked, not charged"),
    Classifier.TEMPORARY_SUPPRESSED: _("On the suppression list, as its mailbox was full: not asked, not charged"),
    Classifier.SUPPRESSED: _("On the suppression list: not asked, not charged"),
}


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A check in plain words; `words` is None as long as there is no verdict."""

    check: Check
    verdict: CheckResult | None
    result_title: str
    words: Words | None
    blame: str
    note: str
    reply: str

    @property
    def number(self) -> int:
        return self.check.position + 1

    @property
    def normalized(self) -> str:
        """The provider's name for the mailbox, where it is another one than was given."""
        name = self.verdict.normalized if self.verdict else ""
        return name if name != self.check.address else ""


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the chart and its line in the legend; `key` names its colour."""

    key: str
    result: str
    group: str
    title: str
    meaning: str
    advice: str
    count: int
    percent: float


def shown(row: Row) -> ShownRow:
    verdict = row.verdict
    return ShownRow(
        check=row.check,
        verdict=verdict,
        result_title=RESULTS[Result(verdict.result)] if verdict else "",
        words=REASONS[Reason(verdict.reason)] if verdict else None,
        blame=BLAMES[Blame(verdict.blame)] if verdict else "",
        note=note_of(row),
        reply=last_reply(verdict.evidence) if verdict else "",
    )


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check among all of an account; `kept_until` is None as long as its list has not ended."""

    row: ShownRow
    job_title: str
    key: LicenseKey | None
    kept_until: datetime | None

    @property
    def was_cancelled(self) -> bool:
        """Whether nobody will ask for it any more."""
        return self.row.verdict is None and self.row.check.job is not None and self.row.check.job.has_ended


def shown_in_history(row: Row, *, days: int) -> ShownCheck:
    check, job = row.check, row.check.job
    return ShownCheck(
        shown(row),
        (job.name or job.reference_job or gettext("Job request")) if job else "",
        job.key if job else check.key,
        kept_until(check, days=days),
    )


def kept_until(check: Check, *, days: int) -> datetime | None:
    """Tell when a check goes: so many days after it was made, or after its list has ended."""
    since = check.created_at if check.job is None else check.job.finished_at
    return since and since + timedelta(days=days)


@dataclass(frozen=True, slots=True)
class ShownProvider:
    """A line of the chart of providers; `parts`: name of the colour, start and width of each bar in per cent."""

    key: str
    title: str
    total: int
    words: str
    parts: list[tuple[str, float, float]]


FILLS = {Result.OK: "good", Result.BAD: "bad", Result.RETRY_LATER: "later", Result.UNVERIFIABLE: "unsure"}


def shown_providers(providers: Sequence[OfProvider]) -> list[ShownProvider]:
    """Give each provider's verdicts as parts of its own bar."""
    return [
        ShownProvider(
            each.provider or OTHER_PROVIDERS,
            provider_name(each.provider) or gettext("Other or none"),
            each.total,
            ", ".join(f"{count:,} {RESULTS[result].lower()}" for result, count in each.counts.items() if count),
            parts_of(each),
        )
        for each in providers
        if each.total
    ]


def parts_of(provider: OfProvider) -> list[tuple[str, float, float]]:
    parts, start = [], 0.0
    for result, count in provider.counts.items():
        width = round(100 * count / provider.total, 3)
        parts.append((FILLS[result], round(start, 3), width))
        start += width
    return parts


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the conversation with DNS and mail servers; `meaning` in plain words, "" where there are none."""

    time: str
    who: str
    said: str
    code: str
    meaning: str


def conversation(row: Row) -> list[Said]:
    """Give what was said about a row, in its order."""
    if row.verdict is None:
        return []
    return [
        Said(line.time, line.who, line.said, line.code, SAID.get(line.meaning, ""))
        for line in conversation_of(row.verdict)
    ]


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A download that is prepared; `percent` of the way while it is not ready."""

    pk: UUID
    title: str
    kind: str
    is_ready: bool
    is_waiting: bool
    is_fresh: bool
    percent: int
    size: int | None
    kept_until: datetime | None
    fault: str


def shown_files(*, job: Job, files: Sequence[PreparedFile]) -> list[ShownFile]:
    return [
        ShownFile(
            pk=file.pk,
            title=title_of(Chosen.from_dict(file.choice)),
            kind=file.get_kind_display(),
            is_ready=file.state == PreparedState.READY,
            is_waiting=file.state == PreparedState.WAITING,
            is_fresh=is_fresh(file, job),
            percent=100 * file.done // job.total if job.total else 0,
            size=file.size,
            kept_until=file.kept_until,
            fault=file.fault,
        )
        for file in files
    ]


def title_of(chosen: Chosen) -> str:
    """Name a choice of rows: as a preset does, else by their kind."""
    titles = {key: title for key, title, _ in PRESETS}
    title = titles.get(chosen.kind.value, FILTERS[chosen.kind])
    return gettext("%(title)s, filtered") % {"title": title} if chosen.is_narrowed else title


def note_of(row: Row) -> str:
    if row.check.address == ERASED:
        return gettext("Erased on request")
    if row.check.duplicate_of is not None:
        return gettext("Same as row %(row)s: checked once, charged once") % {"row": f"{row.check.duplicate_of + 1:,}"}
    if row.check.classifier == Classifier.INVALID_FORMAT:
        return gettext("Not an address: not charged")
    if row.check.classifier == Classifier.FORBIDDEN_RECIPIENT:
        return gettext("Names like this are forbidden in this account's features: not asked, not charged")
    if row.check.classifier == Classifier.VIRUS_DETECTED:
        return gettext("In an attachment that holds something harmful: not asked, not charged")
    if row.check.classifier in SUPPRESSED:
        return SUPPRESSED[Classifier(row.check.classifier)]
    if row.verdict is not None and not row.verdict.final:
        return gettext("For now: it will be asked again")
    return ""


def last_reply(evidence: dict[str, Any]) -> str:  # Any: JSON
    """Give what decided, as the mail server or DNS said it, for those who want to know."""
    attempts = evidence.get("attempts") or []
    if not attempts:
        return str(evidence.get("syntax_detail") or evidence.get("mail_hosts_detail") or "")
    last = attempts[-1]
    said = " ".join(str(part) for part in (last.get("code"), last.get("enhanced"), last.get("text")) if part)
    host = last.get("host") or last.get("address") or ""
    return f"{host}: {said or last.get('trouble', '')}".strip(": ")


def slices(*, job: Job, shares: Sequence[Share]) -> list[Slice]:
    """Give the parts of a job's chart: its verdicts, then what has none."""
    whole = sum(share.count for share in shares) + job.waiting or 1
    found = [
        Slice(
            share.reason.value,
            share.result.value,
            RESULTS[share.result],
            REASONS[share.reason].title,
            REASONS[share.reason].meaning,
            REASONS[share.reason].advice,
            share.count,
            100 * share.count / whole,
        )
        for share in shares
    ]
    if job.waiting:
        found.append(
            Slice(
                "waiting",
                "",
                "",
                gettext("Waiting"),
                gettext("Still to be asked."),
                "",
                job.waiting,
                100 * job.waiting / whole,
            )
        )
    return found


def time_left(*, job: Job, now: datetime) -> str:
    """Guess by the pace so far; "" as long as there is none."""
    if job.status != "running" or job.started_at is None or job.percent < 2:
        return ""
    asked = job.decided + job.undecided
    seconds = (now - job.started_at).total_seconds() * job.waiting / asked if asked else 0
    if seconds <= 0:
        return ""
    return f"{about(seconds)} left"


def about(seconds: float) -> str:
    """Say a span of time in one figure."""
    if seconds < 60:
        return gettext("less than a minute")
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 120 else f"about {round(minutes / 60)} hours"


def filter_lists(
    chosen: Chosen, providers: Sequence[ShownProvider]
) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    """Give the lists that rows are narrowed by: name, label, and the value, title and state of each choice."""
    reasons = [(reason.value, words.title) for reason, words in REASONS.items()]
    blames = [(blame.value, words) for blame, words in BLAMES.items() if words]
    named = [(each.key, each.title) for each in providers]
    lists = (
        ("reason", gettext("Reason"), reasons, chosen.reason),
        ("blame", gettext("Cause"), blames, chosen.blame),
        ("provider", gettext("Provider"), named, chosen.provider),
    )
    return [
        (name, label, [(value, title, value == present) for value, title in choices])
        for name, label, choices, present in lists
    ]
