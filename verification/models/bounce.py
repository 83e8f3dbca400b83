"""Bounces that an account told us of, kept as facts: what verdicts turned out to be worth.  docs/bounces.md"""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from accounts.models import Account
from verification.engine.types import Result
from verification.models.suppression import SuppressionKind


class Bounce(models.Model):
    """One a mailbox and month: that of the verdict we had given, or of the bounce when there was none.

    `digest` is keyed by the account's hash key; it goes with the account's days, or with an erasure, and the rest stays
    as a figure.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    digest = models.BinaryField(max_length=32, null=True)
    month = models.DateField()  # its first day, in UTC
    provider = models.CharField(max_length=60, blank=True, default="")  # of the verdict's mail hosts
    result = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Result], blank=True, default="")
    kind = models.CharField(max_length=8, choices=SuppressionKind)  # by hand: a complaint
    bounced_at = models.DateTimeField()
    added_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "digest", "month"], name="bounce_once")]
        indexes = [
            models.Index(fields=["account", "month"], name="bounce_by_month"),
            models.Index(fields=["added_at"], name="bounce_with_digest", condition=models.Q(digest__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"bounce {self.pk}"
