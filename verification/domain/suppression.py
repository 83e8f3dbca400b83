"""What a suppression list does at intake: its rows are refused, and their terms begin anew.

An account's list and staff's list for all are one table.  A piece of rows is looked up in one statement, after its
rows were written: reading a row costs nothing for it, and without a list there is one short question a piece.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.functions import Now

from accounts.models import Account
from verification.domain.known import digest_of_mailbox
from verification.models import Classifier, Job, Suppression, SuppressionKind
from verification.models.suppression import EVERYBODY

TERM_DAYS = {SuppressionKind.FULL: 1, SuppressionKind.SOFT: 7, SuppressionKind.HARD: 45}  # by hand: no term
CLASSIFIERS = {
    SuppressionKind.FULL: Classifier.TEMPORARY_SUPPRESSED,
    SuppressionKind.SOFT: Classifier.PREVIOUSLY_BOUNCED,
    SuppressionKind.HARD: Classifier.PREVIOUSLY_BOUNCED,
    SuppressionKind.HAND: Classifier.SUPPRESSED,
}
BLOCK_ROWS = 5_000


def term_of(kind: str) -> str:
    """Give SQL for the term of the kind that an expression holds; constants all of them."""
    days = " ".join(f"WHEN '{name.value}' THEN interval '{days} days'" for name, days in TERM_DAYS.items())
    return f"CASE {kind} {days} END"


def rank_of(kind: str) -> str:
    """Give SQL for how strong a kind is."""
    return f"array_position(ARRAY[{', '.join(repr(name.value) for name in SuppressionKind)}], {kind}::text)"


HAS_ENTRIES = """
SELECT EXISTS (SELECT 1 FROM verification_suppression WHERE coalesce(account_id, %(everybody)s) = %(everybody)s)
       OR EXISTS (SELECT 1 FROM verification_suppression WHERE coalesce(account_id, %(everybody)s) = %(account)s),
       EXISTS (SELECT 1 FROM verification_suppression WHERE account_id = %(account)s AND erased)
"""
FIND = f"""
SELECT m.position, s.id, s.kind
FROM unnest(%(mailboxes)s::text[], %(positions)s::int[]) AS m(mailbox, position)
JOIN verification_suppression s
  ON s.mailbox = m.mailbox AND coalesce(s.account_id, %(everybody)s) IN (%(everybody)s, %(account)s)
WHERE s.until IS NULL OR s.until > now()
ORDER BY {rank_of("s.kind")}
"""  # constants
# Rows that another transaction holds are renewed, or removed, by it: nobody waits and nothing is locked crosswise.
RENEW = f"""
UPDATE verification_suppression s SET until = now() + {term_of("s.kind")}
WHERE s.id IN (
    SELECT id FROM verification_suppression WHERE id = ANY(%(ids)s) AND until IS NOT NULL FOR UPDATE SKIP LOCKED
)
"""  # constants
MARK = """
UPDATE verification_check c SET classifier = found.classifier
FROM unnest(%(positions)s::int[], %(classifiers)s::text[]) AS found(position, classifier)
WHERE c.job_id = %(job)s AND c.position = found.position AND c.classifier = ''
RETURNING c.position
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What of some mailboxes is on a list: classifiers by position, the strongest kind's, and the entries."""

    classifiers: dict[int, Classifier]
    entries: frozenset[int]


NOTHING = Found({}, frozenset())


def find(cursor: CursorWrapper, job: Job, mailboxes: Mapping[str, int]) -> Found:
    """Look up the mailboxes of a piece, with their positions."""
    names: dict[str, Any] = {"account": job.account_id, "everybody": EVERYBODY}  # Any: SQL parameters
    cursor.execute(HAS_ENTRIES, names)
    has_any, has_erased = cursor.fetchone()
    if not has_any or not mailboxes:
        return NOTHING
    texts, positions = list(mailboxes), list(mailboxes.values())
    if has_erased:
        key = bytes(job.account.hash_key)
        texts += [name_of_erased(mailbox, hash_key=key) for mailbox in mailboxes]
        positions *= 2
    cursor.execute(FIND, names | {"mailboxes": texts, "positions": positions})
    rows = cursor.fetchall()
    classifiers = {position: CLASSIFIERS[SuppressionKind(kind)] for position, _, kind in rows}
    return Found(classifiers, frozenset(entry for _, entry, _ in rows))


def name_of_erased(mailbox: str, *, hash_key: bytes) -> str:
    """Give what stands in an entry whose person was erased: no mailbox begins like this and has no @."""
    return f"#{digest_of_mailbox(mailbox, hash_key=hash_key).hex()}"


def mark(cursor: CursorWrapper, job: Job, mailboxes: Mapping[str, int]) -> frozenset[int]:
    """Refuse the rows of a piece whose mailbox is on a list, and give their positions; each attempt renews the term.

    A sandbox job is refused them, too, and renews nothing: nobody was going to write to them.  Nor does a list that is
    held: that may never be.
    """
    found = find(cursor, job, mailboxes)
    if not found.classifiers:
        return frozenset()
    values: dict[str, Any] = {  # Any: SQL parameters
        "job": job.pk,
        "positions": list(found.classifiers),
        "classifiers": [classifier.value for classifier in found.classifiers.values()],
    }
    cursor.execute(MARK, values)
    marked = frozenset(position for (position,) in cursor.fetchall())
    if not job.sandbox and not job.is_held:
        cursor.execute(RENEW, {"ids": list(found.entries)})
    return marked


def forget_person(entry: Suppression, account: Account) -> None:
    """Leave a hash of an entry's mailbox under the account's key: still refused, and no address any more."""
    name = name_of_erased(entry.mailbox, hash_key=bytes(account.hash_key))
    if Suppression.objects.of(account).filter(mailbox=name).exists():
        Suppression.objects.filter(pk=entry.pk).delete()
    else:
        Suppression.objects.filter(pk=entry.pk).update(mailbox=name, reason="", erased=True)


@transaction.atomic
def delete_over() -> int:
    """Delete a block of entries whose term is over, and tell how many."""
    over = Suppression.objects.filter(until__lte=Now()).order_by("until")
    numbers = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BLOCK_ROWS])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM verification_suppression WHERE id = ANY(%s)", [numbers])
        deleted: int = cursor.rowcount
    return deleted
