"""All checks of an account, single ones and the rows of its lists, newest first, narrowed by what is known of one.

Where few checks have the address or the domain that is asked for, these are taken by the index.  Else a page is read
along another one, and looks at WALK_ROWS rows at most: then it says how far back it looked, and the next one goes on
from there.  So each answer takes about the same time, however long the history is and however few of it are meant.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import idna
from django.db import connection
from django.db.models.expressions import RawSQL

from accounts.models import Account, LicenseKey
from verification.domain.job_rows import Row
from verification.domain.row_filter import RISKY_REASONS, RowFilter
from verification.engine.syntax import parse, split_display_name
from verification.engine.types import Reason
from verification.models import Check, CheckResult, Job

PAGE_ROWS = 50
WALK_ROWS = 40_000
FEW = 5_000  # checks that are all fetched and sorted
SPARE = timedelta(days=1)  # rows of a job are written within this after its key was used
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NAMED = re.compile(r"%\((\w+)\)s")

KINDS = {
    **{
        RowFilter(result.value): f"r.result = '{result.value}'"
        for result in (RowFilter.OK, RowFilter.BAD, RowFilter.RETRY_LATER, RowFilter.UNVERIFIABLE)
    },
    RowFilter.RISKY: f"r.reason IN ({', '.join(repr(reason.value) for reason in RISKY_REASONS)})",
    RowFilter.UNDECIDED: "r.result IN ('RetryLater', 'Unverifiable')",
    RowFilter.WAITING: "c.classifier = '' AND r.final IS NOT TRUE AND j.finished_at IS NULL",
    RowFilter.REFUSED: "c.classifier NOT IN ('', 'DUPLICATE')",
    RowFilter.DUPLICATE: "c.classifier = 'DUPLICATE'",
}  # constants
HASHES = "ARRAY(SELECT hashtext(lower(a)) FROM unnest(%(addresses)s::text[]) AS a)"
SAME_ADDRESS = "lower(c.address) = ANY(ARRAY(SELECT lower(a) FROM unnest(%(addresses)s::text[]) AS a))"
# The order is that of check_by_address, so that it is taken however common the domain is with others.
THE_FEW = """
SELECT c.id FROM verification_check c
WHERE c.account_id = %(account)s AND hashtext(c.domain) = hashtext(%(domain)s) AND c.domain = %(domain)s {}
ORDER BY hashtext(lower(c.address)) LIMIT %(few)s
"""
OLDER = "(c.created_at, c.id) < (%(before_at)s, %(before_id)s)"
OLDER_ROW = """
c.position < coalesce(
    (SELECT b.position FROM verification_check b WHERE b.id = %(before_id)s AND b.job_id = %(job)s), 2147483647
)
"""
BY_TIME, BY_ROW = "c.created_at DESC, c.id DESC", "c.position DESC"
# LIMIT in the laterals keeps the planner from reading whole tables for a page.
CHOSEN = """
SELECT c.id, c.created_at
FROM {rows}
LEFT JOIN LATERAL (
    SELECT key_id, deleted_at, finished_at FROM verification_job WHERE id = c.job_id LIMIT 1
) AS j ON true
{results}WHERE j.deleted_at IS NULL{conditions}
ORDER BY {order} LIMIT %(limit)s
"""
WITH_RESULTS = """LEFT JOIN LATERAL (
    SELECT result, reason, final FROM verification_checkresult WHERE check_row_id = c.id LIMIT 1
) AS r ON true
"""
LAST_LOOKED_AT = """
SELECT c.created_at, c.id FROM {rows} ORDER BY {order} OFFSET %(walk)s - 1 LIMIT 1
"""
ROWS = "(SELECT * FROM verification_check c WHERE {source} ORDER BY {order} LIMIT %(walk)s) AS c"
# In the order of check_live_by_account alone, so that no other index is taken, which would go through rows of lists.
SINGLE_ROWS = """
(SELECT * FROM (
    SELECT * FROM verification_check c WHERE {source} ORDER BY c.created_at DESC FETCH FIRST %(walk)s ROWS WITH TIES
 ) AS c ORDER BY {order} LIMIT %(walk)s) AS c
"""
NO_LIST = "c.job_id IS NULL"
OLDER_BY_TIME = "c.created_at <= %(before_at)s"  # what that index can use of OLDER


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: what is older comes after it."""

    at: datetime
    id: int

    def as_text(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read one from an address.  Raises ValueError."""
        microseconds, _, number = text.partition("-")
        if not (microseconds.isascii() and microseconds.isdigit() and number.isascii() and number.isdigit()):
            raise ValueError(text)
        if len(microseconds) > 16 or len(number) > 18:
            raise ValueError(text)
        return cls(EPOCH + timedelta(microseconds=int(microseconds)), int(number))


@dataclass(frozen=True, slots=True)
class Who:
    """An address, however it is spelt, or all of a domain where there are no `addresses`."""

    domain: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which checks; what is empty takes all.  `until` is no part of it.

    `without_key`: those of the pages; `single`: those of no list.
    """

    who: Who | None = None
    kind: RowFilter | None = None
    reason: Reason | None = None
    key: LicenseKey | None = None
    without_key: bool = False
    job: Job | None = None
    single: bool = False
    since: datetime | None = None
    until: datetime | None = None


ALL = Wanted()


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some checks.  `older`: where the next page begins; `looked_back_to`: where looking for few ended for now."""

    rows: list[Row]
    older: Place | None = None
    looked_back_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """What gives a page's checks by id and time, and what tells where looking ended; None: it looks at all."""

    chosen: str
    end: str | None
    values: dict[str, Any]  # Any: SQL parameters


def who(text: str) -> Who | None:
    """Read whose checks are asked for: an address, with a name or not, or a domain, with @ or not; None if neither."""
    text = split_display_name(text)
    if "@" in text.removeprefix("@"):
        address = parse(text)
        spellings = {text, *(f"{address.user}@{domain}" for domain in names_of(address.ascii_domain))}
        return Who(address.ascii_domain, tuple(sorted(spellings)))
    address = parse(f"x@{text.removeprefix('@')}")
    return None if address.fault is not None else Who(address.ascii_domain)


def names_of(domain: str) -> set[str]:
    """Give a domain as it goes over the wire and as people write it."""
    try:
        return {domain, idna.decode(domain)} if domain else set()
    except idna.IDNAError:
        return {domain}


def page(*, account: Account, wanted: Wanted = ALL, before: Place | None = None) -> HistoryPage:
    """Give the checks that are wanted and older than a place."""
    asked = statement(account=account, wanted=wanted, before=before, limit=PAGE_ROWS + 1)
    ids = RawSQL(*positional(f"SELECT chosen.id FROM ({asked.chosen}) AS chosen", asked.values))  # noqa: S611  # ours
    found = list(
        Check.objects.filter(pk__in=ids)
        .select_related("verdict", "job__key", "key")
        .defer("original")
        .order_by("-created_at", "-pk")
    )
    shown = found[:PAGE_ROWS]
    older = looked_back_to = None
    if len(found) > PAGE_ROWS:
        older = Place(shown[-1].created_at, shown[-1].pk)
    elif (end := where_it_ended(asked)) is not None:
        older, looked_back_to = end, end.at
    return HistoryPage(with_verdicts(shown), older, looked_back_to)


def positional(text: str, values: dict[str, Any]) -> tuple[str, list[Any]]:  # Any: SQL parameters
    """Give a statement whose parameters have names as Django's expressions want it: in their order."""
    return NAMED.sub("%s", text), [values[name] for name in NAMED.findall(text)]


def where_it_ended(asked: Statement) -> Place | None:
    """Give the last check that was looked at, where there may be more; None when all were."""
    if asked.end is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(asked.end, asked.values)
        row = cursor.fetchone()
    return None if row is None else Place(*row)


def statement(
    *, account: Account, wanted: Wanted, before: Place | None, limit: int, walk: int | None = None
) -> Statement:
    """Say how checks are found."""
    values: dict[str, Any] = {"account": account.pk, "limit": limit, "walk": walk or WALK_ROWS}
    values |= values_of(wanted)
    if before is not None:
        values |= {"before_at": before.at, "before_id": before.id}
    source, order, rest = ["c.account_id = %(account)s"], BY_TIME, conditions(wanted)
    rows = ROWS
    few = the_few(wanted, values)
    if few is not None:
        values["few_ids"] = few
        source.append("c.id = ANY(%(few_ids)s)")
        rest += span(wanted, values)
    elif wanted.job is not None:
        source += ["c.job_id = %(job)s", *([OLDER_ROW] if before else [])]
        order = BY_ROW
        rest += span(wanted, {})
    else:
        source += span(wanted, values)
        if wanted.single:
            rows = SINGLE_ROWS
            source += [NO_LIST, *([OLDER_BY_TIME] if before else [])]
            if not rest:
                values["walk"] = limit  # all that are looked at are sorted
    rows = rows.format(source=" AND ".join(source), order=order)
    chosen = CHOSEN.format(
        rows=rows,
        order=order,
        results=WITH_RESULTS if wanted.kind or wanted.reason else "",
        conditions="".join(f" AND {one}" for one in rest),
    )
    return Statement(chosen, None if few is not None else LAST_LOOKED_AT.format(rows=rows, order=order), values)


def values_of(wanted: Wanted) -> dict[str, Any]:  # Any: SQL parameters
    """Give what the conditions compare with.  A key brings nothing before it was made, nor long after its last use."""
    key, since, until = wanted.key, wanted.since, wanted.until
    if key is not None:
        last_use = (key.last_used_at or key.created_at) + SPARE
        since, until = max(since or key.created_at, key.created_at), min(until or last_use, last_use)
    return {
        "domain": wanted.who.domain if wanted.who else "",
        "addresses": list(wanted.who.addresses) if wanted.who else [],
        "key": key.pk if key else None,
        "job": wanted.job.pk if wanted.job else None,
        "reason": wanted.reason,
        "since": since,
        "until": until,
        "few": FEW + 1,
    }


def span(wanted: Wanted, values: dict[str, Any]) -> list[str]:  # Any: SQL parameters
    """Give the conditions on time, those of the place where the page begins, too, where `values` have it."""
    given = {
        "before_at": OLDER if "before_at" in values else "",
        "since": "c.created_at >= %(since)s" if wanted.since or wanted.key else "",
        "until": "c.created_at < %(until)s" if wanted.until or wanted.key else "",
    }
    return [condition for condition in given.values() if condition]


def conditions(wanted: Wanted) -> list[str]:
    """Give what is asked of each check that is looked at."""
    given = {
        "c.domain = %(domain)s": wanted.who,
        SAME_ADDRESS: wanted.who and wanted.who.addresses,
        "c.job_id = %(job)s": wanted.job,
        NO_LIST: wanted.single and wanted.who,  # else the index has no others
        "coalesce(c.key_id, j.key_id) = %(key)s": wanted.key,
        "coalesce(c.key_id, j.key_id) IS NULL": wanted.without_key,
        KINDS[wanted.kind] if wanted.kind else "": wanted.kind,
        "r.reason = %(reason)s": wanted.reason,
    }
    return [condition for condition, asked in given.items() if asked]


def the_few(wanted: Wanted, values: dict[str, Any]) -> list[int] | None:  # Any: SQL parameters
    """Give all checks of whom is asked for; None where these are many, or nobody is."""
    if wanted.who is None:
        return None
    by_address = f"AND hashtext(lower(c.address)) = ANY({HASHES}) AND {SAME_ADDRESS}" if wanted.who.addresses else ""
    with connection.cursor() as cursor:
        cursor.execute(THE_FEW.format(by_address), values)
        found = [number for (number,) in cursor.fetchall()]
    return found if len(found) <= FEW else None


def with_verdicts(checks: Sequence[Check]) -> list[Row]:
    """Pair checks with their verdicts; a duplicate has that of the first row with its mailbox."""
    firsts = {(check.job_id, check.duplicate_of) for check in checks if check.duplicate_of is not None}
    results = CheckResult.objects.select_related("check_row").filter(
        check_row__job__in={job for job, _ in firsts}, check_row__position__in={position for _, position in firsts}
    )
    of_first = {(one.job_id, one.check_row.position): one for one in results} if firsts else {}
    return [
        Row(
            check,
            getattr(check, "verdict", None)
            if check.duplicate_of is None
            else of_first.get((check.job_id, check.duplicate_of)),
        )
        for check in checks
    ]
