"""What the doctor found on a machine, one row a check."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Subject(models.TextChoices):
    """What is looked at, in the order of the report."""

    RESOLVER = "resolver", "Name servers"
    PORT_25 = "port_25", "Port 25 outwards"
    NAME = "name", "Our name and back"
    SPF = "spf", "SPF of the probe's sender"
    BLOCKLISTS = "blocklists", "Block lists"
    IPV6 = "ipv6", "IPv6"
    DO_NOT_PROBE = "do_not_probe", "Do-not-probe list"
    CLOCK = "clock", "Clock"
    DATABASE = "database", "Database"
    QUEUE = "queue", "Queue"
    DISK = "disk", "Disk"


class FindingState(models.TextChoices):
    """`note` works and could be better; `unclear` is neither good nor bad: nobody could tell."""

    OK = "ok"
    NOTE = "note"
    UNCLEAR = "unclear"
    BROKEN = "broken"


class Finding(models.Model):
    """Written anew by each examination of its machine.

    `shut`: zones whose mail servers are out of reach from there, as ProbeOptions.dns_only has them.
    """

    machine = models.CharField(max_length=16)
    host = models.CharField(max_length=255)  # the machine's name, for people
    subject = models.CharField(max_length=20, choices=Subject)
    state = models.CharField(max_length=10, choices=FindingState)
    looked_at = models.TextField()
    outcome = models.TextField()
    advice = models.TextField(blank=True)
    shut: ArrayField[list[str], list[str]] = ArrayField(models.CharField(max_length=253, blank=True), default=list)
    checked_at = models.DateTimeField()

    class Meta:
        verbose_name = "finding of the doctor"
        verbose_name_plural = "findings of the doctor"
        constraints = [models.UniqueConstraint(fields=["machine", "subject"], name="finding_once")]

    def __str__(self) -> str:
        return f"{self.get_subject_display()}: {self.state}"
