"""A job: the addresses handed in together, and how far they are."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Account, LicenseKey
from accounts.models.config import GREYLIST_HOURS
from verification.engine.types import Blame, Reason, Result
from verification.models.upload import Upload


class JobStatus(models.TextChoices):
    """Where a job stands; `parsing` until all its rows are checks, though those that are may be worked on before.

    `ready`: a list that is held, and read: it waits for somebody to start it.
    """

    PARSING = "parsing", _("Parsing")
    READY = "ready", _("Not started")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")
    CANCELLED = "cancelled", _("Cancelled")


class JobSource(models.TextChoices):
    UPLOAD = "upload"
    API = "api"


class JobQuerySet(models.QuerySet["Job"]):
    def of(self, account: Account) -> JobQuerySet:
        """Keep those that the account may see: deleted ones are not there, though their rows may be for a while."""
        return self.filter(account=account, deleted_at=None)

    def newest_first(self) -> JobQuerySet:
        return self.order_by("-created_at", "-pk")


class Job(models.Model):
    """Counters always add up: each change moves n from one counter to another in one UPDATE."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="jobs")
    source = models.CharField(max_length=10, choices=JobSource)
    status = models.CharField(max_length=10, choices=JobStatus, default=JobStatus.PARSING)
    name = models.CharField(max_length=255, blank=True)
    upload = models.OneToOneField(Upload, on_delete=models.SET_NULL, null=True, blank=True, related_name="job")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    key = models.ForeignKey(LicenseKey, on_delete=models.SET_NULL, null=True, blank=True)
    sandbox = models.BooleanField(default=False)
    is_reading = models.BooleanField(default=False)  # rows of its list are still to come; also when paused
    is_held = models.BooleanField(default=False, db_default=False)  # until somebody starts it nothing is asked
    sample_rows = models.PositiveSmallIntegerField(default=0, db_default=0)  # of its free sample, while it is held
    rows_cut = models.PositiveIntegerField(default=0)  # of its list: how many of the first rows are in batches
    columns: ArrayField[list[str], list[str]] = ArrayField(models.TextField(), default=list)  # original header
    # several of a list's that hold addresses: its rows have the line as their block, the place here as block_index
    address_columns: ArrayField[list[int], list[int]] = ArrayField(
        models.PositiveIntegerField(), default=list, blank=True
    )

    total = models.PositiveIntegerField(default=0)
    decided = models.PositiveIntegerField(default=0)  # final Ok or Bad
    undecided = models.PositiveIntegerField(default=0)  # final RetryLater or Unverifiable
    waiting = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    duplicate = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    max_age = models.PositiveIntegerField(default=7_200)  # seconds that an earlier result may be old to be used again
    greylist_hours = models.PositiveSmallIntegerField(default=GREYLIST_HOURS)  # of rows that are tried again
    # toggles of the config that the customer switched off for this job
    switched_off: ArrayField[list[str], list[str]] = ArrayField(
        models.CharField(max_length=40), default=list, blank=True
    )
    sender = models.CharField(max_length=254, blank=True)  # whom its addresses are asked by; empty: the installation's
    sending_domain = models.CharField(max_length=253, blank=True)  # of the sender
    event_seq = models.BigIntegerField(default=0)  # last number given in the feed, under this row's lock

    reference_job = models.CharField(max_length=50, blank=True)
    cost_center = models.CharField(max_length=50, blank=True)
    campaign_id = models.CharField(max_length=50, blank=True)
    fault = models.CharField(max_length=500, blank=True)  # why intake gave up, in words for the customer
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)  # its rows go block by block, and it goes with the last

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    total=F("decided") + F("undecided") + F("waiting") + F("refused") + F("duplicate") + F("cancelled")
                ),
                name="job_counters_add_up",
            ),
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(status__in=["finished", "cancelled"]), name="job_ends_before_it_goes"
            ),
            models.CheckConstraint(
                condition=Q(is_reading=False) | Q(status__in=["parsing", "paused"]), name="job_reads_before_it_ends"
            ),
            models.CheckConstraint(
                condition=Q(is_held=False) & ~Q(status="ready")
                | Q(is_held=True, status__in=["parsing", "ready", "cancelled"]),
                name="job_is_held_before_it_starts",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at"], name="job_by_account"),
            models.Index(fields=["-created_at"], name="job_by_age"),
            models.Index(
                fields=["account"], name="job_unended_by_account", condition=Q(status__in=["parsing", "running"])
            ),
            models.Index(
                fields=["status"],
                name="job_unended",
                condition=Q(status__in=["parsing", "running"]) | Q(status="ready", sample_rows__gt=0),
            ),
            models.Index(fields=["created_at"], name="job_reading", condition=Q(is_reading=True)),
            models.Index(fields=["deleted_at"], name="job_deleted", condition=Q(deleted_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name or str(self.pk)

    @property
    def done(self) -> int:
        return self.total - self.waiting

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0

    @property
    def waits_for_start(self) -> bool:
        """Tell whether it is a list that nobody has started, or thrown away."""
        return self.is_held and not self.has_ended

    @property
    def has_ended(self) -> bool:
        return self.status in (JobStatus.FINISHED, JobStatus.CANCELLED)


class Tally(models.Model):
    """How many final verdicts of a kind a job has, kept with each flush so that charts read few rows."""

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="tallies")
    result = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Result])
    reason = models.CharField(max_length=48, choices=[(r.value, r.value) for r in Reason])
    blame = models.CharField(max_length=14, choices=[(b.value, b.value) for b in Blame])
    provider = models.CharField(max_length=60, blank=True, default="", db_default="")  # of the mail host; "": another
    count = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.UniqueConstraint(fields=["job", "result", "reason", "blame", "provider"], name="tally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.result}/{self.reason}: {self.count}"
