"""Taking bounces in: addresses go on the suppression list, and what they say of our verdicts is kept as a fact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, LicenseKey, User
from verification.domain.bounce_reading import Report, Row, Unreadable
from verification.domain.known import digest_of_mailbox
from verification.domain.suppression import TERM_DAYS, rank_of
from verification.domain.suppression_list import Entry, Unfit, entry_of, write
from verification.models import Bounce, SuppressionSource

NAMED = 100  # rows that are told one by one, of those without effect and of those refused
DAYS_OF_A_VERDICT = 30  # a mailbox may have gone since: what bounces later says nothing of the verdict

# A row for each mailbox and month, the strongest kind of them; the verdict is the last one before the bounce.
REMEMBER = f"""
INSERT INTO verification_bounce AS b (account_id, digest, month, provider, result, kind, bounced_at)
SELECT DISTINCT ON (told.digest, told.month) %(account)s, told.digest, told.month, told.provider, told.result,
       told.kind, told.at
FROM (
    SELECT n.digest, n.kind, n.at, coalesce(v.provider, '') AS provider, coalesce(v.result, '') AS result,
           date_trunc('month', coalesce(v.checked_at, n.at) AT TIME ZONE 'UTC')::date AS month
    FROM unnest(%(digests)s::bytea[], %(kinds)s::text[], %(ats)s::timestamptz[]) AS n(digest, kind, at)
    LEFT JOIN LATERAL (
        SELECT r.result, r.checked_at, left(coalesce(r.evidence->>'provider', ''), 60) AS provider
        FROM verification_knownmailbox k JOIN verification_checkresult r ON r.check_row_id = k.check_row_id
        WHERE k.account_id = %(account)s AND k.digest = n.digest AND r.final
          AND r.checked_at <= n.at AND r.checked_at > n.at - interval '{DAYS_OF_A_VERDICT} days'
    ) AS v ON true
) AS told
ORDER BY told.digest, told.month, {rank_of("told.kind")} DESC, told.at
ON CONFLICT (account_id, digest, month) DO UPDATE SET kind = excluded.kind
WHERE {rank_of("excluded.kind")} > {rank_of("b.kind")}
"""  # constants


@dataclass(slots=True)
class Taken:
    """What became of a document's rows; the first 100 without effect and refused are named by their number."""

    added: int = 0
    known: int = 0
    ignored_count: int = 0
    refused_count: int = 0
    ignored: list[tuple[int, str]] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)

    def ignore(self, number: int, why: str) -> None:
        self.ignored_count += 1
        if len(self.ignored) < NAMED:
            self.ignored.append((number, why))

    def refuse(self, number: int, why: str) -> None:
        self.refused_count += 1
        if len(self.refused) < NAMED:
            self.refused.append((number, why))

    @property
    def counts(self) -> dict[str, int]:
        return {
            "added": self.added,
            "known": self.known,
            "ignored": self.ignored_count,
            "refused": self.refused_count,
        }


@transaction.atomic
def take_in(*, account: Account, rows: Iterable[Row], actor: User | LicenseKey, now: datetime) -> Taken:
    """Put the addresses that bounced on the account's list.  Raises ListFull; then nothing was kept."""
    outcome, entries, facts = Taken(), list[Entry](), list[Entry]()
    for number, row in enumerate(rows, start=1):
        match row:
            case Unreadable(why):
                outcome.refuse(number, why)
            case Report():
                sort_in(number, row, outcome, entries=entries, facts=facts, now=now)
    with connection.cursor() as cursor:
        if entries:
            outcome.added = sum(is_new for _, is_new in write(cursor, account, entries, SuppressionSource.BOUNCE))
            outcome.known = len(entries) - outcome.added
        if facts:
            remember(cursor, account, facts)
    if entries:
        audit.record(
            action=Action.SUPPRESSION_IMPORTED,
            actor=actor,
            target=account,
            account=account,
            after=outcome.counts,
            label="",
        )
    return outcome


def sort_in(
    number: int, row: Report, outcome: Taken, *, entries: list[Entry], facts: list[Entry], now: datetime
) -> None:
    """Say of a report whether it belongs on the list, and whether it is a fact about a mailbox."""
    try:
        entry = entry_of(row.address, row.kind or "soft", row.why if row.kind else "")
    except Unfit as fault:
        outcome.refuse(number, str(fault))
        return
    if row.kind is None:
        outcome.ignore(number, row.why)
        return
    at = min(row.at or now, now)
    entry = entry._replace(since=at)
    facts.append(entry)
    days = TERM_DAYS.get(row.kind)
    if days is not None and at + timedelta(days=days) <= now:
        outcome.ignore(number, f"It bounced more than {days} day{'s' if days > 1 else ''} ago.")
    else:
        entries.append(entry)


def remember(cursor: CursorWrapper, account: Account, facts: Sequence[Entry]) -> None:
    """Keep facts, once a mailbox and month."""
    key = bytes(account.hash_key)
    values: dict[str, Any] = {  # Any: SQL parameters
        "account": account.pk,
        "digests": [digest_of_mailbox(entry.mailbox, hash_key=key) for entry in facts],
        "kinds": [entry.kind.value for entry in facts],
        "ats": [entry.since for entry in facts],
    }
    cursor.execute(REMEMBER, values)


def forget(account_id: int, digests: Iterable[bytes]) -> int:
    """Leave facts without the mailbox they are about, and tell how many."""
    return Bounce.objects.filter(account_id=account_id, digest__in=list(digests)).update(digest=None)
