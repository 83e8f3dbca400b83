"""The append-only feed of a job."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.models import Account
from verification.models.job import Job


class EventType(models.TextChoices):
    """Names of the wire contract, see docs/api/job-request.md."""

    DROPPED = "DROPPED"
    STARTED = "STARTED"
    VERIFIED = "VERIFIED"
    DEFERRED = "DEFERRED"
    PROCESSED = "PROCESSED"


class Event(models.Model):
    """One entry, or one for each of `check_ids`: those are numbered `first_seq` upwards, in their order.

    A flush writes one row for all its verdicts; readers render each check's event from its result.  Numbers are
    given under the job row's lock, so a reader never misses one that commits late.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    type = models.CharField(max_length=10, choices=EventType)
    sub_type = models.CharField(max_length=30, blank=True, default="")
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    check_ids: ArrayField[list[int], list[int]] = ArrayField(models.BigIntegerField(), default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "last_seq"], name="event_once_per_seq")]

    def __str__(self) -> str:
        return f"{self.type} {self.first_seq}-{self.last_seq}"
