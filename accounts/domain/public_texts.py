"""Terms and privacy, as staff write them; each change is in the audit log, with the text before and after."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import PublicText, User


def find(kind: PublicText.Kind) -> PublicText | None:
    return PublicText.objects.filter(kind=kind).first()


@transaction.atomic
def store(*, text: PublicText, actor: User, now: datetime) -> None:
    """Keep a text that is new or was changed."""
    before = audit.stored(text, ["text"]) if text.pk else None
    text.updated_at, text.updated_by = now, actor
    text.save()
    audit.record(
        action=Action.TEXT_CHANGED, actor=actor, target=text, before=before, after=audit.snapshot(text, ["text"])
    )
