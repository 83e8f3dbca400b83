"""How many final verdicts of a kind a day brought: what usage and charts read instead of results."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Coalesce

from accounts.models import Account, LicenseKey
from verification.engine.types import Blame, Reason, Result


class TallySource(models.TextChoices):
    """How the addresses came: by single calls, or in jobs."""

    LIVE = "live"
    JOB = "job"


class DailyCount(models.Model):
    """`day` in UTC; `provider` of the mail hosts, "" where it is none of those we know; no sandbox."""

    day = models.DateField()
    source = models.CharField(max_length=4, choices=TallySource)
    result = models.CharField(max_length=12, choices=[(r.value, r.value) for r in Result])
    reason = models.CharField(max_length=48, choices=[(r.value, r.value) for r in Reason])
    blame = models.CharField(max_length=14, choices=[(b.value, b.value) for b in Blame])
    provider = models.CharField(max_length=60, blank=True, default="")
    count = models.BigIntegerField()
    charged = models.BigIntegerField(default=0)  # of `count`, those that cost a check

    class Meta:
        abstract = True


class DailyTally(DailyCount):
    """One row a day and kind for each account and key; and one without account, of all of them together."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+", db_index=False)
    # the tally outlives the key: it keeps its number; none for lists of the pages
    key = models.ForeignKey(
        LicenseKey, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        verbose_name_plural = "daily tallies"
        constraints = [
            models.UniqueConstraint(
                Coalesce("account", 0),
                "day",
                Coalesce("key", 0),
                "source",
                "result",
                "reason",
                "blame",
                "provider",
                name="daily_tally_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.result}/{self.reason}: {self.count}"


class PendingTally(DailyCount):
    """A part of a tally, written with its results and folded into the day's by the sweeper.

    Insert-only, so that calls and flushes of an account never wait for each other over a sum.
    """

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    key = models.ForeignKey(
        LicenseKey, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        verbose_name_plural = "pending tallies"

    def __str__(self) -> str:
        return f"{self.day} {self.result}/{self.reason}: {self.count}"
