"""What staff do about organisations that run mail hosts."""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Now

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import User
from verification.models import Organisation
from verification.models.pacing import FIRST_SLOTS

FORGET_AFTER_DAYS = 7


def with_connections(organisations: QuerySet[Organisation]) -> QuerySet[Organisation]:
    """Annotate `connections`: those granted to all processes now."""
    good = Sum("grants__slots", filter=Q(grants__until__gt=Now()))
    return organisations.annotate(connections=Coalesce(good, 0))


@transaction.atomic
def release(*, organisation: Organisation, actor: User | None = None) -> None:
    """End a backoff now and forget the refusals that led to it."""
    held = audit.stored(organisation, ["backoff_until", "backoffs", "refusals", "slots"])
    Organisation.objects.filter(pk=organisation.pk).update(
        backoff_until=None, refusals=0, backoffs=0, slots=FIRST_SLOTS
    )
    audit.record(action=Action.ORGANISATION_RELEASED, actor=actor, target=organisation, before=held)


@transaction.atomic
def pause(*, organisation: Organisation, actor: User) -> None:
    """Begin no connection to it until somebody resumes it; open ones end by themselves."""
    if Organisation.objects.filter(pk=organisation.pk, paused_at=None).update(paused_at=Now(), paused_by=actor):
        audit.record(action=Action.ORGANISATION_PAUSED, actor=actor, target=organisation)


@transaction.atomic
def resume(*, organisation: Organisation, actor: User | None = None) -> None:
    """Take back a pause; a backoff stays."""
    paused = Organisation.objects.filter(pk=organisation.pk, paused_at__isnull=False)
    if paused.update(paused_at=None, paused_by=None):
        audit.record(action=Action.ORGANISATION_RESUMED, actor=actor, target=organisation)


def forget_old() -> int:
    """Delete organisations not met for a week of which there is nothing to remember; gives their number."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORGET, [FORGET_AFTER_DAYS])
        return int(cursor.rowcount)


# What is being asked just now is locked by whoever asks, or has a grant.
FORGET = """
DELETE FROM verification_organisation WHERE name IN (
    SELECT o.name FROM verification_organisation o
    WHERE o.seen_at < now() - make_interval(days => %s)
        AND o.paused_at IS NULL AND (o.backoff_until IS NULL OR o.backoff_until < now())
        AND NOT EXISTS (SELECT 1 FROM verification_pacinggrant g WHERE g.organisation_id = o.name)
    ORDER BY o.name LIMIT 10000 FOR UPDATE OF o SKIP LOCKED)
"""
