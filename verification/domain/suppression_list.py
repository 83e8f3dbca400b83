"""Keeping a suppression list: an account's own, or (account None) staff's for all."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, LicenseKey, User
from verification.domain.known import digest_of_mailbox
from verification.domain.suppression import name_of_erased, rank_of, term_of
from verification.domain.text import storable
from verification.engine import syntax
from verification.models import Suppression, SuppressionKind, SuppressionSource
from verification.models.suppression import EVERYBODY, SuppressionQuerySet

MOST_ENTRIES = 1_000_000  # of one list
LONGEST_REASON = 200
WRITERS = 7_242_365  # class of the advisory lock that one list's writers take in turn; any number
RANKS = {kind.value: rank for rank, kind in enumerate(SuppressionKind)}

# A stronger kind takes the place of a weaker one, and any kind that of one that is over; a weaker one prolongs at most.
UPSERT = f"""
INSERT INTO verification_suppression AS s (account_id, mailbox, kind, source, reason, erased, added_at, until)
SELECT %(account)s, n.mailbox, n.kind, %(source)s, n.reason, false, now(),
       least(now(), coalesce(n.since, now())) + {term_of("n.kind")}
FROM unnest(%(mailboxes)s::text[], %(kinds)s::text[], %(reasons)s::text[], %(sinces)s::timestamptz[])
     AS n(mailbox, kind, reason, since)
ON CONFLICT (coalesce(account_id, {EVERYBODY}), mailbox) DO UPDATE SET
    (kind, source, reason, until) = (
        SELECT CASE WHEN wins THEN excluded.kind ELSE s.kind END,
               CASE WHEN wins THEN excluded.source ELSE s.source END,
               CASE WHEN wins THEN excluded.reason ELSE s.reason END,
               CASE WHEN wins THEN greatest(excluded.until, CASE WHEN excluded.kind = s.kind THEN s.until END)
                    WHEN s.until IS NOT NULL THEN greatest(s.until, excluded.until) END
        FROM (SELECT {rank_of("excluded.kind")} >= {rank_of("s.kind")}
                     OR coalesce(s.until <= now(), false) AS wins) AS compared
    )
RETURNING s.id, s.xmax = 0
"""  # constants


class Unfit(ValueError):
    """An entry that cannot be; str() says why."""


class ListFull(Exception):
    """The list would hold more entries than it may."""

    def __init__(self) -> None:
        super().__init__(f"A suppression list holds {MOST_ENTRIES:,} addresses at most.")


class Entry(NamedTuple):
    """What is to be on a list."""

    mailbox: str
    kind: SuppressionKind
    reason: str = ""
    since: datetime | None = None  # when its term began; now


def entry_of(address: str, kind: str = SuppressionKind.HAND, reason: str = "") -> Entry:
    """Read an entry, its address with or without a display name.  Raises Unfit."""
    if len(address) > 1_000:
        raise Unfit("An address has 254 characters at most.")
    parsed = syntax.parse(syntax.split_display_name(address))
    if parsed.fault is not None:
        raise Unfit(parsed.fault_detail or "That is not an e-mail address.")
    if kind not in SuppressionKind.values:
        raise Unfit(f"The kind must be one of {', '.join(SuppressionKind.values)}.")
    return Entry(parsed.mailbox, SuppressionKind(kind), reason_of(reason))


def reason_of(text: str) -> str:
    """Give a reason on one line.  Raises Unfit: an address in it could stay for longer than it should."""
    text = " ".join(text.replace("\x00", " ").split())
    if len(text) > LONGEST_REASON:
        raise Unfit(f"A reason has {LONGEST_REASON} characters at most.")
    if "@" in text:
        raise Unfit("A reason must not hold an address.")
    return text


@transaction.atomic
def add(
    *, account: Account | None, entry: Entry, source: SuppressionSource, actor: User | LicenseKey
) -> tuple[Suppression, bool]:
    """Put a mailbox on a list; tells whether it is new there.  Raises ListFull."""
    with connection.cursor() as cursor:
        ((number, is_new),) = write(cursor, account, [entry], source)
    row = Suppression.objects.get(pk=number)
    audit.record(
        action=Action.SUPPRESSION_ADDED,
        actor=actor,
        target=row,
        account=account,
        reason=entry.reason,
        after=facts(row),
    )
    return row, is_new


def write(
    cursor: CursorWrapper, account: Account | None, entries: Iterable[Entry], source: SuppressionSource
) -> list[tuple[int, bool]]:
    """Write entries under the list's lock; gives their rows' numbers and whether they are new.  Raises ListFull."""
    strongest: dict[str, Entry] = {}
    for entry in entries:
        known = strongest.get(entry.mailbox)
        if known is None or weight_of(entry) >= weight_of(known):
            strongest[entry.mailbox] = entry
    number = account.pk if account is not None else None
    cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [WRITERS, number or EVERYBODY])
    values: dict[str, Any] = {  # Any: SQL parameters
        "account": number,
        "source": source.value,
        "mailboxes": list(strongest),
        "kinds": [entry.kind.value for entry in strongest.values()],
        "reasons": [entry.reason for entry in strongest.values()],
        "sinces": [entry.since for entry in strongest.values()],
    }
    cursor.execute(UPSERT, values)
    written: list[tuple[int, bool]] = cursor.fetchall()
    if any(is_new for _, is_new in written):
        check_room(account)
    return written


def weight_of(entry: Entry) -> tuple[int, float]:
    """Give what to compare two entries of a mailbox by: how strong they are, then how late their terms begin."""
    return RANKS[entry.kind], entry.since.timestamp() if entry.since else math.inf


def check_room(account: Account | None) -> None:
    if Suppression.objects.filter(account=account)[: MOST_ENTRIES + 1].count() > MOST_ENTRIES:
        raise ListFull


@transaction.atomic
def remove(*, entry: Suppression, reason: str, actor: User | LicenseKey) -> None:
    """Take an entry off its list.  Raises Unfit when the reason is missing or none."""
    reason = reason_of(reason)
    if not reason:
        raise Unfit("Say why.")
    audit.record(
        action=Action.SUPPRESSION_REMOVED,
        actor=actor,
        target=entry,
        account=entry.account,
        reason=reason,
        before=facts(entry),
    )
    entry.delete()


def facts(entry: Suppression) -> dict[str, Any]:  # Any: JSON
    """Give what the audit log may hold for good: no address, a hash under the account's key."""
    told = audit.snapshot(entry, ["kind", "source", "until"])
    if entry.account is None:
        return told
    if entry.erased:
        return told | {"hash": entry.mailbox[1:]}
    return told | {"hash": digest_of_mailbox(entry.mailbox, hash_key=bytes(entry.account.hash_key)).hex()}


def found(*, account: Account | None, search: str = "", kind: str = "") -> SuppressionQuerySet:
    """Give the entries of a list that is searched: by a whole address, also of the erased, or by a part of it."""
    rows = Suppression.objects.filter(account=account)
    if kind:
        rows = rows.filter(kind=kind)
    search = storable(search.strip())
    if not search:
        return rows
    parsed = syntax.parse(syntax.split_display_name(search))
    if parsed.fault is not None:
        return rows.filter(mailbox__icontains=search, erased=False)
    names = [parsed.mailbox]
    if account is not None:
        names.append(name_of_erased(parsed.mailbox, hash_key=bytes(account.hash_key)))
    return rows.filter(mailbox__in=names)
