"""Who did what to whom: staff acts, keys, roles, money and sign-in, for good."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from accounts.models.account import Account


class AuditEntry(models.Model):
    """One act; a database trigger refuses UPDATE and DELETE.

    It outlives people and accounts, so it keeps their numbers and names without a constraint.  Ordered by number:
    that is the order of time, and pages of it need no sorting.
    """

    at = models.DateTimeField(db_default=Now(), editable=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    actor_label = models.CharField(max_length=254)  # the address then, or which part of the product acted
    action = models.CharField(max_length=40)  # a domain.audit.Action
    object_type = models.CharField(max_length=60, blank=True)  # app.model
    object_id = models.CharField(max_length=64, blank=True)
    object_label = models.CharField(max_length=200, blank=True)
    account = models.ForeignKey(
        Account,
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    reason = models.CharField(max_length=200, blank=True)
    before = models.JSONField(null=True, blank=True)  # what changed, as it was; never a secret
    after = models.JSONField(null=True, blank=True)
    request_id = models.CharField(max_length=32, blank=True)
    client_address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "audit log"
        indexes = [
            models.Index(fields=["at"], name="audit_by_time"),
            models.Index(fields=["account", "-id"], name="audit_by_account"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["action", "-id"], name="audit_by_action"),
            models.Index(fields=["object_type", "object_id", "-id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label}: {self.action} {self.object_label}".rstrip()
