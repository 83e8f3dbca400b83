"""How gently mail hosts are asked, shared by all processes and machines: who runs them, and who may connect."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

FIRST_SLOTS = 2  # connections to an organisation that we know nothing of


class OrganisationQuerySet(models.QuerySet["Organisation"]):
    def held(self) -> OrganisationQuerySet:
        """Those that get no connection at present (database clock)."""
        return self.filter(Q(backoff_until__gt=Now()) | Q(paused_at__isnull=False))


class Organisation(models.Model):
    """Whoever runs mail hosts: a provider, a registrable domain or a block of addresses.  Also the lock of its grants.

    `slots`: connections it takes from us at once, as learned; `refusals` and `backoffs` count those in a row.
    """

    name = models.CharField(max_length=255, primary_key=True)
    slots = models.PositiveSmallIntegerField(db_default=FIRST_SLOTS)
    refusals = models.PositiveSmallIntegerField(db_default=0)
    backoffs = models.PositiveSmallIntegerField(db_default=0)
    backoff_until = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    seen_at = models.DateTimeField(db_default=Now())

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["backoff_until"],
                name="organisation_held",
                condition=Q(backoff_until__isnull=False) | Q(paused_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PacingGrant(models.Model):
    """Connections that a process may have to an organisation until `until` (database clock); it renews them in bulk.

    `slots` 0: the holder waits for one.  `live` grants serve calls, the others serve jobs.
    """

    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="grants", db_index=False)
    holder = models.UUIDField()
    live = models.BooleanField()
    slots = models.PositiveSmallIntegerField()
    until = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "holder"], name="pacing_grant_once")]
        indexes = [models.Index(fields=["holder"], name="pacing_grant_holder")]

    def __str__(self) -> str:
        return f"{self.slots} to {self.organisation_id}"
