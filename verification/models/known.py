"""What an account already knows of a mailbox, to be reused while fresh."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from verification.models.check import Check


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
