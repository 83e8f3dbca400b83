"""One address of a job, or of a single call."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.db.models.functions import Lower

from accounts.models import Account, LicenseKey
from verification.models.job import Job


class Classifier(models.TextChoices):
    """Why a row was not taken; empty when it was."""

    TAKEN = ""
    INVALID_FORMAT = "INVALID_FORMAT"
    DUPLICATE = "DUPLICATE"
    FORBIDDEN_RECIPIENT = "FORBIDDEN_RECIPIENT"  # by the account's config
    PREVIOUSLY_BOUNCED = "PREVIOUSLY_BOUNCED"  # these three: by a suppression list
    TEMPORARY_SUPPRESSED = "TEMPORARY_SUPPRESSED"
    SUPPRESSED = "SUPPRESSED"
    VIRUS_DETECTED = "VIRUS_DETECTED"  # in the attachment that it came in


# Four bytes in an index, however long the text; that of an address is without regard to case.
DOMAIN_HASH = Func("domain", function="hashtext", output_field=IntegerField())
ADDRESS_HASH = Func(Lower("address"), function="hashtext", output_field=IntegerField())

# As rows are sorted by address: without regard to the case of ASCII letters, else by code point, which costs least.
SORTED_ADDRESS = Func(
    "address", template='lower(left(%(expressions)s, 320) COLLATE "C")', output_field=models.TextField()
)


class CheckQuerySet(models.QuerySet["Check"]):
    def of(self, account: Account) -> CheckQuerySet:
        return self.filter(account=account)

    def taken(self) -> CheckQuerySet:
        return self.filter(classifier=Classifier.TAKEN)


class Check(models.Model):
    """Written once, by COPY; whether it has a verdict is told by its CheckResult."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, related_name="checks", db_index=False, db_constraint=False
    )  # the job's own, which is held to its row: once, and not a million times for a list
    job = models.ForeignKey(
        Job,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="checks",
        db_index=False,
        db_constraint=False,  # likewise: whoever writes rows locks the job before the commit
    )
    # of a single call, and None on the pages; that of a job's row is its job's
    key = models.ForeignKey(
        LicenseKey,
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    position = models.PositiveIntegerField(default=0)  # row of the list, or running number of the request, from 0
    block = models.PositiveIntegerField(default=0)  # recipient block of the request
    block_index = models.PositiveIntegerField(default=0)  # address in its block
    reference = models.CharField(max_length=50, blank=True, default="")
    address = models.TextField()  # as supplied
    domain = models.TextField(blank=True, default="")  # lower-case A-labels
    classifier = models.CharField(max_length=24, choices=Classifier, blank=True, default=Classifier.TAKEN)
    duplicate_of = models.PositiveIntegerField(null=True, blank=True)  # position of the first row with this mailbox
    original: ArrayField[list[str], list[str] | None] = ArrayField(models.TextField(), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CheckQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "position"], name="check_once_per_position"),
        ]
        indexes = [
            models.Index(fields=["account", "-created_at"], name="check_live_by_account", condition=Q(job=None)),
            models.Index(fields=["account", "created_at", "id"], name="check_by_account"),
            models.Index(F("account"), DOMAIN_HASH, ADDRESS_HASH, name="check_by_address"),
            models.Index(F("job"), SORTED_ADDRESS, F("id"), name="check_sorted", condition=Q(job__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"check {self.pk}"
