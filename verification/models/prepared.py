"""A download that takes long to make: prepared by the queue, kept as a file for some days."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Account
from verification.models.job import Job

KEPT_DAYS = 7


class PreparedState(models.TextChoices):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


class PreparedFile(models.Model):
    """One a choice of rows and kind of file; `token` names the file of whoever prepares or has prepared it.

    A file is under PORTAL_DATA/exports of `machine`.  It is offered only while the row is ready and names it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=5, choices=[("csv", "CSV"), ("xlsx", "XLSX"), ("jsonl", "JSON Lines")])
    choice = models.JSONField(help_text="Which rows: a Chosen as a dict.")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=PreparedState, default=PreparedState.WAITING)
    machine = models.CharField(max_length=16)
    token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    done = models.PositiveIntegerField(default=0, db_default=0, help_text="Rows of the job gone through.")
    event_seq = models.BigIntegerField(default=0, db_default=0, help_text="Of the job when it was begun.")
    size = models.BigIntegerField(null=True, blank=True, help_text="Bytes.")
    ready_at = models.DateTimeField(null=True, blank=True)
    fault = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "kind", "choice"], name="prepared_file_once")]
        indexes = [models.Index(fields=["asked_at"], name="prepared_file_waiting", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.kind} of {self.job_id}"

    @property
    def kept_until(self) -> datetime | None:
        return self.ready_at and self.ready_at + timedelta(days=KEPT_DAYS)

    @property
    def path(self) -> Path:
        return Path(settings.EXPORTS) / str(self.token)
