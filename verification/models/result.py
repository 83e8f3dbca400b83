"""What was found out about a check."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from verification.engine.types import Blame, Reason, Result
from verification.models.check import Check
from verification.models.job import Job


class CheckResult(models.Model):
    """At most one a check.  Insert-only, but for rows with `final = false`, which a later try replaces."""

    check_row = models.OneToOneField(Check, on_delete=models.CASCADE, primary_key=True, related_name="verdict")
    # The check's own, which are held to their rows.
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, null=True, related_name="results", db_index=False, db_constraint=False
    )
    result = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Result])
    reason = models.CharField(max_length=48, choices=[(r.value, r.value) for r in Reason])
    blame = models.CharField(max_length=14, choices=[(b.value, b.value) for b in Blame])
    role = models.BooleanField(default=False)
    free = models.BooleanField(default=False)
    disposable = models.BooleanField(default=False)
    mail_server_location = models.CharField(max_length=2, blank=True, default="")
    duration = models.PositiveIntegerField(default=0)  # milliseconds
    normalized = models.TextField(blank=True, default="", db_default="")  # the mailbox as its provider files it
    did_you_mean = models.TextField(blank=True, default="", db_default="")  # the address that was probably meant
    evidence = models.JSONField(default=dict)  # Evidence.as_dict()
    final = models.BooleanField(default=True)
    charged = models.BooleanField(default=False)
    checked_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["job", "result", "check_row"], name="result_by_job_and_verdict"),
        ]

    def __str__(self) -> str:
        return f"{self.result}/{self.reason}"
