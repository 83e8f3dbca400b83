"""Batches of a list that is held: cut as its rows are read, and due when somebody starts it, not before."""

from __future__ import annotations

from django.db.models.functions import Now

from verification.models import Batch, Job

HELD_UNTIL = "9000-01-01 00:00+00"  # as they are due until the start: nobody claims what is not due


def let_go(job: Job) -> None:
    """Have a list's batches due now."""
    Batch.objects.filter(job=job, due_at=HELD_UNTIL).update(due_at=Now())


def drop_sample(job: Job) -> None:
    """Delete the batches of a list's free sample: its rows without a verdict are in the list's own, too."""
    Batch.objects.filter(job=job, due_at__lt=HELD_UNTIL).delete()
