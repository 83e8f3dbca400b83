"""Requests that may be sent again: what they did is done once."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

from accounts.models import Account


class IdempotencyRecord(models.Model):
    """A POST made under an Idempotency-Key, kept a day: who works on it, then what it was answered.

    `token` is whoever's turn it is, until `lease_until` (database clock).  `status` is None until there is an answer.
    Nothing secret is ever part of `answer`.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    key_digest = models.BinaryField(max_length=32)  # of the kind of license key and the Idempotency-Key
    body_digest = models.BinaryField(max_length=32)  # of method, path and body
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    lease_until = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = models.TextField(blank=True, default="")  # JSON, its members in their order
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "key_digest"], name="idempotency_key_once"),
            models.CheckConstraint(
                condition=Q(status__isnull=True) | Q(status__gte=200, status__lte=499), name="idempotency_kept_status"
            ),
        ]
        indexes = [models.Index(fields=["created_at"], name="idempotency_by_age")]

    def __str__(self) -> str:
        return f"request {self.pk}: {self.status or 'in progress'}"
