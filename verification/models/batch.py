"""Work that can be claimed: some hundred checks of a job whose domains lie together."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Account
from verification.models.job import Job


class Batch(models.Model):
    """Leased by a token until `lease_until` (database clock); deleted when all its checks have final results.

    Claims read this table only, so it stays small whatever the history.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="batches")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    check_ids: ArrayField[list[int], list[int]] = ArrayField(models.BigIntegerField())
    due_at = models.DateTimeField()
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)  # leases that expired unreleased
    alone = models.BooleanField(default=False)  # worked on with nothing else beside it
    tries = models.PositiveSmallIntegerField(default=0)  # rounds behind it, of greylisted and transient rows
    first_tried_at = models.DateTimeField(null=True, blank=True)  # end of its first round
    flushes = models.PositiveIntegerField(default=0)
    source_address = models.GenericIPAddressField(null=True, blank=True)
    sender = models.CharField(max_length=254, blank=True, default="")

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            models.Index(fields=["job", "due_at", "id"], name="batch_claimable", condition=Q(token=None)),
            models.Index(fields=["lease_until"], name="batch_leased", condition=Q(token__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of job {self.job_id}"
