"""Addresses that are not to be taken in jobs and lists: an account's own, and staff's for all."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Account

EVERYBODY = 0  # in place of an account's number, in the index


class SuppressionKind(models.TextChoices):
    """Why an address is on the list, the weakest first; docs/suppression.md has the terms."""

    FULL = "full", _("Mailbox full")
    SOFT = "soft", _("Soft bounce")
    HARD = "hard", _("Hard bounce")
    HAND = "hand", _("By hand")


class SuppressionSource(models.TextChoices):
    """Who told us."""

    PAGE = "page", _("Page")
    API = "api", _("API")
    CSV = "csv", _("CSV file")
    BOUNCE = "bounce", _("Bounce")
    STAFF = "staff", _("Staff")


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def of(self, account: Account) -> SuppressionQuerySet:
        return self.filter(account=account)

    def for_all(self) -> SuppressionQuerySet:
        return self.filter(account=None)

    def in_force(self) -> SuppressionQuerySet:
        return self.filter(Q(until=None) | Q(until__gt=Now()))

    def newest_first(self) -> SuppressionQuerySet:
        return self.order_by("-pk")


class Suppression(models.Model):
    """One mailbox, written as job intake tells duplicates apart; `#` and a hash once its person was erased."""

    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="suppressions", db_index=False
    )  # none: for all accounts
    mailbox = models.CharField(max_length=320)
    kind = models.CharField(max_length=8, choices=SuppressionKind)
    source = models.CharField(max_length=10, choices=SuppressionSource)
    reason = models.CharField(max_length=200, blank=True)
    erased = models.BooleanField(default=False)
    added_at = models.DateTimeField(db_default=Now(), editable=False)
    until = models.DateTimeField(null=True, blank=True, editable=False)  # by the database's clock

    objects = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = "suppressed address"
        verbose_name_plural = "suppression list"
        constraints = [
            models.UniqueConstraint(Coalesce(F("account"), Value(EVERYBODY)), F("mailbox"), name="suppressed_once"),
            models.CheckConstraint(
                condition=Q(kind=SuppressionKind.HAND, until=None)
                | (~Q(kind=SuppressionKind.HAND) & Q(until__isnull=False)),
                name="suppression_has_its_term",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="suppression_by_account"),
            models.Index(fields=["account"], name="suppression_erased", condition=Q(erased=True)),
            models.Index(fields=["until"], name="suppression_over", condition=Q(until__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"suppression {self.pk}"
