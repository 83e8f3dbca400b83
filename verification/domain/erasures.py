"""One person's address erased in an account: asked for, done by the sweeper, kept as a receipt.  docs/erasure.md"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, LicenseKey, User
from verification.domain import erasing
from verification.domain.erasing import Counts
from verification.domain.person import NoAddress, person
from verification.engine import syntax
from verification.models import Erasure

__all__ = ["MOST_OPEN", "NoAddress", "TooManyErasures", "ask", "is_of", "proceed"]

LONGEST_ADDRESS = 254
MOST_OPEN = 100  # of one account at a time
WAIT_SECONDS = 10  # for a list that is still read


class TooManyErasures(Exception):
    """As many are under way as may be at a time."""


@transaction.atomic
def ask(*, account: Account, email: str, actor: User | None, key: LicenseKey | None = None) -> Erasure:
    """Ask for a person's address to be erased; what is under way for it already is given instead.

    Raises NoAddress, TooManyErasures.
    """
    email = syntax.split_display_name(email)
    if len(email) > LONGEST_ADDRESS:
        raise NoAddress(f"An address has {LONGEST_ADDRESS} characters at most.")
    digest = digest_of(account, email)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # counts under a lock
    under_way = Erasure.objects.of(account).open()
    same = under_way.filter(digest=digest).first()
    if same is not None:
        return same
    if under_way.count() >= MOST_OPEN:
        raise TooManyErasures
    asked = Erasure.objects.create(account=account, address=email, digest=digest, requested_by=actor, key=key)
    audit.record(
        action=Action.ERASURE_ASKED,
        actor=actor,
        target=asked,
        account=account,
        reason=f"by the key {key.prefix}…" if key else "",
        after={"hash": asked.hash},
    )
    asked.refresh_from_db()  # the database's times
    return asked


def digest_of(account: Account, email: str) -> bytes:
    """Give the hash of a mailbox under the account's key.  Raises NoAddress."""
    name = min(person(email).names)
    return hashlib.blake2b(name.encode(), key=bytes(account.hash_key), digest_size=32).digest()


def is_of(erasure: Erasure, email: str) -> bool:
    """Tell whether a receipt is that of a mailbox, however it is written.  Raises NoAddress."""
    return digest_of(erasure.account, email) == bytes(erasure.digest)


def proceed() -> Iterator[None]:
    """Do the erasure that is due first, a block at each step; without one there is no step.

    Whoever is killed leaves nothing half done: the next one looks through everything again and finds what is left.
    """
    due = Erasure.objects.open().filter(due_at__lte=Now()).select_related("account").order_by("due_at").first()
    if due is None:
        return
    who, is_complete = person(due.address), True
    for block in erasing.blocks(due.account):
        with transaction.atomic():
            counts = block.erase(who)
            if counts is None:
                is_complete = False
            elif counts != Counts():
                note(due, counts)
        yield
    if is_complete:
        finish(due)
    else:
        Erasure.objects.filter(pk=due.pk).update(due_at=Now() + timedelta(seconds=WAIT_SECONDS))


def note(erasure: Erasure, counts: Counts) -> None:
    Erasure.objects.filter(pk=erasure.pk).update(
        checks=F("checks") + counts.checks,
        mentions=F("mentions") + counts.mentions,
        results=F("results") + counts.results,
        memories=F("memories") + counts.memories,
        uploads=F("uploads") + counts.uploads,
    )


@transaction.atomic
def finish(erasure: Erasure) -> None:
    """Make it a receipt: the address goes, its hash and the counts stay."""
    if not Erasure.objects.open().filter(pk=erasure.pk).update(done_at=Now(), address=""):
        return
    erasure.refresh_from_db()
    counts = audit.snapshot(erasure, ["checks", "mentions", "results", "memories", "uploads"])
    audit.record(
        action=Action.ERASURE_DONE,
        actor=None,
        target=erasure,
        account=erasure.account,
        after={"hash": erasure.hash} | counts,
    )
