"""Domains that customers have their addresses asked in the name of."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Account


class CheckKind(models.TextChoices):
    """What is looked at in the DNS, in the order of the pages."""

    PROOF = "proof", _("Proof")
    SPF = "spf", "SPF"
    DKIM = "dkim", "DKIM"
    DMARC = "dmarc", "DMARC"


class LastCheck(models.TextChoices):
    """The last outcome that was certain."""

    NEVER = "never", _("Never")
    PASSED = "passed", _("Passed")
    FAILED = "failed", _("Failed")


class SendingDomainQuerySet(models.QuerySet["SendingDomain"]):
    def of(self, account: Account) -> SendingDomainQuerySet:
        return self.filter(account=account)

    def due(self) -> SendingDomainQuerySet:
        """Those to be checked now (database clock)."""
        return self.filter(next_check_at__lte=Now(), account__status=Account.Status.ACTIVE)


class SendingDomain(models.Model):
    """A domain of an account; `domain` in lower-case A-labels.

    Several accounts may claim one; each has to prove it with a token of its own.  `public_key` is empty where the
    selector is one that the customer's mail is signed with already.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="sending_domains")
    domain = models.CharField(max_length=253)
    token = models.CharField(max_length=64)
    selector = models.CharField(max_length=63)
    public_key = models.CharField(max_length=64, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(db_default=Now())
    next_check_at = models.DateTimeField(db_default=Now(), db_index=True)
    asked_at = models.DateTimeField(null=True, blank=True, db_default=Now())  # until the check that somebody waits for

    objects = SendingDomainQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "domain"], name="sending_domain_once")]

    def __str__(self) -> str:
        return self.domain

    def check_of(self, kind: CheckKind) -> DomainCheck:
        """Give what is known of a kind; of checks that were fetched already."""
        return next(check for check in self.checks.all() if check.kind == kind)

    @property
    def is_proved(self) -> bool:
        return self.check_of(CheckKind.PROOF).last_check == LastCheck.PASSED


class DomainCheck(models.Model):
    """The last certain outcome of a check; `trouble` tells of a later try that came to nothing."""

    domain = models.ForeignKey(SendingDomain, on_delete=models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=10, choices=CheckKind)
    last_check = models.CharField(max_length=10, choices=LastCheck, default=LastCheck.NEVER)
    checked_at = models.DateTimeField(null=True, blank=True)
    cause = models.TextField(blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    trouble = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "kind"], name="domain_check_once")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.domain_id}: {self.last_check}"
