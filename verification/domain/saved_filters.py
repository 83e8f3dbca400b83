"""Choices of rows under a name: offered on the page of every list, and as a download."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db import transaction
from django.db.models import OuterRef
from django.db.models.functions import JSONObject, Lower

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Account, User
from verification.domain.row_filter import Chosen
from verification.domain.text import storable
from verification.models import Job, SavedFilter

MOST = 15  # each is a kilobyte of every list's page
LONGEST_NAME = 40

# With the job whose page it is, so that the page asks once for both.
OF_ITS_ACCOUNT = ArraySubquery(
    SavedFilter.objects.filter(account=OuterRef("account"))
    .order_by(Lower("name"))
    .values(each=JSONObject(id="id", name="name", choice="choice"))
)


class NotSaved(Exception):
    """A filter cannot be kept; says why."""


@transaction.atomic
def save(*, account: Account, name: str, chosen: Chosen, actor: User) -> tuple[SavedFilter, bool]:
    """Keep a choice under a name, instead of the one it had; tells whether it is new.  Raises NotSaved."""
    name = " ".join(storable(name).split())
    refuse(name, chosen)
    Account.objects.select_for_update().get(pk=account.pk)  # who counts, counts alone
    row = SavedFilter.objects.filter(account=account, name__iexact=name).first()
    is_new = row is None
    before = audit.snapshot(row) if row else None
    if row is None:
        if SavedFilter.objects.filter(account=account).count() >= MOST:
            raise NotSaved(f"An account keeps at most {MOST} filters: remove one first.")
        row = SavedFilter(account=account)
    row.name, row.choice = name, chosen.as_dict()
    row.save()
    after = audit.snapshot(row)
    audit.record(action=Action.FILTER_SAVED, actor=actor, target=row, account=account, before=before, after=after)
    return row, is_new


def refuse(name: str, chosen: Chosen) -> None:
    if not name or len(name) > LONGEST_NAME:
        raise NotSaved(f"A filter's name has 1 to {LONGEST_NAME} characters.")
    if "@" in name or (chosen.text and not chosen.text.startswith("@")) or "@" in chosen.provider:
        raise NotSaved("How an address begins is not kept, as it may name a person: begin with @ and a domain.")


@transaction.atomic
def remove(*, row: SavedFilter, actor: User) -> None:
    """Forget a filter."""
    before = audit.snapshot(row)
    audit.record(action=Action.FILTER_REMOVED, actor=actor, target=row, account=row.account, before=before)
    row.delete()


def offered(job: Job) -> list[tuple[int, str, Chosen]]:
    """Give what OF_ITS_ACCOUNT brought with a job as `saved`: number, name and choice of each filter."""
    brought: list[dict[str, Any]] = getattr(job, "saved", [])  # Any: JSON
    return [(each["id"], each["name"], Chosen.from_dict(each["choice"])) for each in brought]
