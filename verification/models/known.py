"""What an account already knows of a mailbox, to be reused while fresh."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from verification.models.check import Check
from verification.models.job import Job


class KnownMailbox(models.Model):
    """Points to the newest check of a mailbox within one account; `digest` is keyed by the account's hash key."""

    account = models.ForeignKey(  # the check's own
        Account, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    digest = models.BinaryField(max_length=32)
    check_row = models.ForeignKey(Check, on_delete=models.CASCADE, related_name="+")
    checked_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "known mailboxes"
        constraints = [models.UniqueConstraint(fields=["account", "digest"], name="known_mailbox_once")]

    def __str__(self) -> str:
        return f"known mailbox {self.pk}"


class KnownRows(models.Model):
    """How many rows of a list that is held have an earlier result, by when that was, in steps of ten minutes."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="known_rows", db_index=False)
    checked_at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "known rows"
        constraints = [models.UniqueConstraint(fields=["job", "checked_at"], name="known_rows_once")]

    def __str__(self) -> str:
        return f"{self.count} rows known since {self.checked_at}"
