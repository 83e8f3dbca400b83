"""Money: what an account may use, what is set aside, and the append-only ledger of every change.

Never negative, by constraint.  The rules that move amounts are in accounts/domain/quota.py.
"""

from __future__ import annotations

from datetime import UTC

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now, TruncDate

from accounts.models.account import Account
from accounts.models.key import LicenseKey


class QuotaPeriodQuerySet(models.QuerySet["QuotaPeriod"]):
    def current(self) -> QuotaPeriodQuerySet:
        """Keep the periods of today, by the database's clock in UTC."""
        today = TruncDate(Now(), tzinfo=UTC)
        return self.filter(starts_on__lte=today, ends_on__gt=today)


class QuotaPeriod(models.Model):
    """One month of an account, from `starts_on` to before `ends_on`."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="quota_periods")
    starts_on = models.DateField()
    ends_on = models.DateField()
    granted = models.BigIntegerField()
    used = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)
    # at the turn: what of the grant lapsed so far, and when nothing more can
    lapsed = models.BigIntegerField(default=0, db_default=0)
    reset_at = models.DateTimeField(null=True, blank=True)
    # for notices: the most that was prepaid meanwhile, and the smallest share left that was told of, in percent
    prepaid_most = models.BigIntegerField(default=0, db_default=0)
    told = models.PositiveSmallIntegerField(default=100, db_default=100)

    objects = QuotaPeriodQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "starts_on"], name="quota_period_once"),
            models.CheckConstraint(condition=Q(used__gte=0, reserved__gte=0), name="quota_period_not_negative"),
            models.CheckConstraint(
                condition=Q(granted__gte=F("used") + F("reserved")), name="quota_period_within_grant"
            ),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="quota_period_has_days"),
        ]
        indexes = [
            models.Index(fields=["ends_on"], name="quota_period_by_end"),
            # of columns that no call changes: each update of a period stays within its page
            models.Index(fields=["ends_on"], name="quota_period_not_reset", condition=Q(reset_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.account} from {self.starts_on}"

    @property
    def left(self) -> int:
        return self.granted - self.used - self.reserved


class Credit(models.Model):
    """Prepaid checks of an account; they do not lapse."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="credit")
    balance = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__gte=0, balance__gte=F("reserved")), name="credit_covers_reserved"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.balance}"


class QuotaNotice(models.Model):
    """A mail to the managers of an account that little is left; an outbox: the row first, the mail after."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="quota_notices")
    period = models.ForeignKey(QuotaPeriod, on_delete=models.CASCADE, related_name="+")
    share = models.PositiveSmallIntegerField(help_text="In percent.")
    left = models.BigIntegerField()
    full = models.BigIntegerField(help_text="The month's grant, and the most that was prepaid meanwhile.")
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(db_default=Now())
    tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["due_at"], name="quota_notice_unsent", condition=Q(sent_at=None))]

    def __str__(self) -> str:
        return f"{self.account}: {self.left:,} of {self.full:,} left"


class Reservation(models.Model):
    """An amount set aside, once per reference; it settles where it was made (period first, then credits)."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="reservations")
    reference = models.CharField(max_length=100, unique=True)
    period = models.ForeignKey(QuotaPeriod, on_delete=models.PROTECT)
    from_period = models.BigIntegerField()  # still open of it
    from_credit = models.BigIntegerField(default=0)  # still open of it
    settled = models.BigIntegerField(default=0)
    released = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    # the key whose share it counts on; with `expires_at` it is a call that waits, and counted among its account's
    key = models.ForeignKey(
        LicenseKey, on_delete=models.DO_NOTHING, null=True, blank=True, db_constraint=False, db_index=False
    )
    expires_at = models.DateTimeField(null=True, blank=True)  # None: held as long as its job lives

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(from_period__gte=0, from_credit__gte=0, settled__gte=0, released__gte=0),
                name="reservation_not_negative",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="reservation_expiring", condition=Q(expires_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def open(self) -> int:
        return self.from_period + self.from_credit


class LedgerKind(models.TextChoices):
    """What happened to an amount."""

    GRANT = "grant"
    RESERVE = "reserve"
    SETTLE = "settle"
    RELEASE = "release"
    ADJUST = "adjust"
    RESET = "reset"


class LedgerEntry(models.Model):
    """One change of an amount; a database trigger refuses UPDATE and DELETE."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="ledger")
    kind = models.CharField(max_length=10, choices=LedgerKind)
    amount = models.BigIntegerField()
    reference = models.CharField(max_length=120, unique=True)
    period = models.ForeignKey(QuotaPeriod, on_delete=models.PROTECT, null=True, blank=True)
    # the ledger outlives keys and people: it keeps their numbers
    key = models.ForeignKey(LicenseKey, on_delete=models.DO_NOTHING, null=True, blank=True, db_constraint=False)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, null=True, blank=True, db_constraint=False
    )
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(fields=["account", "-created_at"], name="ledger_by_account"),
            models.Index(
                fields=["account", "-created_at"], name="ledger_grants", condition=Q(kind__in=["grant", "adjust"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} ({self.reference})"
