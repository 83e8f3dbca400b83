"""Where events are sent, and what became of each sending.  docs/api/webhooks.md"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Account
from verification.models.event import Event, EventType, this_transaction
from verification.models.job import Job


class Secrets(models.Model):
    """What signs: a secret, and the one before it until its time is over.  Both are sealed, see domain/sealing.py."""

    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True)
    previous_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class NotificationSecrets(Secrets):
    """What signs the webhooks that an account's jobs ask for themselves (`notification`)."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="+")

    class Meta:
        verbose_name_plural = "notification secrets"

    def __str__(self) -> str:
        return f"notification secrets of {self.account_id}"


class WebhookState(models.TextChoices):
    """An endpoint of a job has `ended` when the job has and all its events are deliveries."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ENDED = "ended"


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def of(self, account: Account) -> WebhookEndpointQuerySet:
        """Keep an account's own; those of jobs come and go with their jobs."""
        return self.filter(account=account, job=None)


class WebhookEndpoint(Secrets):
    """Where events of an account are sent, or of one `job` that asked for it.

    All events written by transactions below `seen` have their deliveries, as far as `events` (none: all) lets them.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="webhooks")
    job = models.OneToOneField(Job, on_delete=models.CASCADE, null=True, blank=True, related_name="webhook")
    url = models.CharField("URL", max_length=1_000)
    description = models.CharField(max_length=100, blank=True)
    events: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=10, choices=EventType), default=list, blank=True
    )
    headers = models.BinaryField(null=True)  # more of them, sealed
    state = models.CharField(max_length=8, choices=WebhookState, default=WebhookState.ACTIVE)
    fault = models.CharField(max_length=200, blank=True)  # why it is disabled
    failing_since = models.DateTimeField(null=True, blank=True)  # the first failure since the last success
    seen = models.BigIntegerField(db_default=this_transaction(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = "webhook endpoint"
        indexes = [models.Index(fields=["account"], name="webhook_active", condition=Q(state="active"))]

    def __str__(self) -> str:
        return self.host

    @property
    def host(self) -> str:
        """What others than its account may see of the URL: the rest may hold a secret."""
        return urlsplit(self.url).netloc


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("Pending")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")  # all tries are used


class WebhookDelivery(models.Model):
    """Entries `first_seq` to `last_seq` of an event row on their way; without an event a test.

    Bodies are made when they are sent: addresses are kept in one place.  `log` has an item for each try:
    {"at", "status" (of HTTP, 0 without an answer), "error", "ms"}.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, on_delete=models.CASCADE, null=True, related_name="+")
    first_seq = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)  # since it was made, or asked for again
    due_at = models.DateTimeField(db_default=Now())
    token = models.UUIDField(null=True)  # of the sender that has it
    lease_until = models.DateTimeField(null=True)
    log: models.JSONField[list[dict[str, Any]], list[dict[str, Any]]] = models.JSONField(default=list)  # Any: JSON
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "webhook delivery"
        verbose_name_plural = "webhook deliveries"
        constraints = [models.UniqueConstraint(fields=["endpoint", "event", "first_seq"], name="delivery_once")]
        indexes = [
            models.Index(fields=["endpoint", "-created_at", "-id"], name="delivery_by_endpoint"),
            models.Index(fields=["endpoint", "due_at"], name="delivery_pending", condition=Q(state="pending")),
        ]

    def __str__(self) -> str:
        return f"msg_{self.pk.hex}"
