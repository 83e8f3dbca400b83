"""One person's address, erased on request: the work, then the receipt."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.models import Account, LicenseKey


class ErasureQuerySet(models.QuerySet["Erasure"]):
    def of(self, account: Account) -> ErasureQuerySet:
        return self.filter(account=account)

    def open(self) -> ErasureQuerySet:
        return self.filter(done_at=None)

    def newest_first(self) -> ErasureQuerySet:
        return self.order_by("-requested_at", "-pk")


class Erasure(models.Model):
    """Holds the address until the work is done; the receipt keeps a hash under the account's key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="erasures", db_index=False)
    address = models.CharField(max_length=254, blank=True)
    digest = models.BinaryField(max_length=32)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    key = models.ForeignKey(LicenseKey, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    requested_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField(db_default=Now(), editable=False)  # when it is tried, or tried again
    done_at = models.DateTimeField(null=True, blank=True)
    # what was erased
    checks = models.PositiveIntegerField(default=0)  # rows about this person
    mentions = models.PositiveIntegerField(default=0)  # texts in other rows, names and notes
    results = models.PositiveIntegerField(default=0)  # verdicts that lost their evidence
    memories = models.PositiveIntegerField(default=0)  # remembered mailboxes, answers kept to be given again
    uploads = models.PositiveIntegerField(default=0)  # lists that were not started

    objects = ErasureQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(done_at=None) | models.Q(address=""), name="erasure_forgets_the_address"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-requested_at"], name="erasure_by_account"),
            models.Index(fields=["due_at"], name="erasure_open", condition=models.Q(done_at=None)),
        ]

    def __str__(self) -> str:
        return f"erasure {self.pk}"

    @property
    def hash(self) -> str:
        return bytes(self.digest).hex()
