"""The append-only feed of a job."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import BigIntegerField, Func, TextField
from django.db.models.functions import Cast

from accounts.models import Account
from verification.models.job import Job


class EventType(models.TextChoices):
    """Names of the wire contract, see docs/api/job-request.md."""

    DROPPED = "DROPPED"
    STARTED = "STARTED"
    VERIFIED = "VERIFIED"
    DEFERRED = "DEFERRED"
    PROCESSED = "PROCESSED"


def this_transaction() -> Cast:
    """Give the number of the transaction that writes: 64 bits, never used again."""
    return Cast(Cast(Func(function="pg_current_xact_id"), TextField()), BigIntegerField())


class Event(models.Model):
    """One entry, or one for each of `check_ids`: those are numbered `first_seq` upwards, in their order.

    A flush writes one row for all its verdicts; readers render each check's event from its result.  Numbers are
    given under the job row's lock, so a reader never misses one that commits late.  So are the rows' own, which
    therefore follow each other as a job's numbers do.  Over the jobs of an account `written_in` does the same, see
    feed.py.
    """

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="events", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+", db_index=False)
    type = models.CharField(max_length=10, choices=EventType)
    sub_type = models.CharField(max_length=30, blank=True, default="")
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    check_ids: ArrayField[list[int], list[int]] = ArrayField(models.BigIntegerField(), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    written_in = models.BigIntegerField(db_default=this_transaction(), editable=False)  # the transaction

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "last_seq"], name="event_once_per_seq")]
        indexes = [models.Index(fields=["account", "written_in"], name="event_by_account")]

    def __str__(self) -> str:
        return f"{self.type} {self.first_seq}-{self.last_seq}"
