"""License keys: what a customer's program signs in with."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models.account import Account


class KeyKind(models.TextChoices):
    """A sandbox key takes the whole road with made-up answers, free."""

    LIVE = "live", _("Live")
    SANDBOX = "sandbox", _("Sandbox")


class Scope(models.TextChoices):
    """What a key may be used for, see docs/permissions.md."""

    VERIFY = "verify", _("Check single addresses")
    JOBS = "jobs", _("Hand in and steer jobs")
    RESULTS = "results", _("Read jobs and results")
    ACCOUNT = "account", _("Read and manage the account")


def usual_scopes() -> list[str]:
    """Give all but the power to manage the account."""
    return [scope.value for scope in Scope if scope != Scope.ACCOUNT]


class CidrField(models.CharField):  # type: ignore[type-arg]  # takes none at run time
    """A network in Postgres's own type, which takes nothing else."""

    def db_type(self, connection: Any) -> str:  # noqa: ARG002  # Any: Django's signature
        return "cidr"

    def from_db_value(self, value: Any, *_: Any) -> str | None:  # Any: psycopg's network
        return None if value is None else str(value)


def own_limit(help_text: str) -> models.PositiveIntegerField[int | None, int | None]:
    return models.PositiveIntegerField(null=True, blank=True, validators=[MinValueValidator(1)], help_text=help_text)


class LicenseKeyQuerySet(models.QuerySet["LicenseKey"]):
    def of(self, account: Account) -> LicenseKeyQuerySet:
        return self.filter(account=account)

    def in_force(self) -> LicenseKeyQuerySet:
        """Keep the keys that are neither revoked nor expired, by the database's clock."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)

    def over(self) -> LicenseKeyQuerySet:
        """Keep those that are revoked or expired."""
        return self.filter(Q(expires_at__lte=Now()) | Q(revoked_at__isnull=False))

    def newest_first(self) -> LicenseKeyQuerySet:
        return self.order_by("-pk")


class LicenseKey(models.Model):
    """A key at rest: the prefix to recognise it by and the SHA-256 of the whole; the key itself is shown once.

    While it is being rotated the secret before it is still let in, until `previous_until`.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="license_keys")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=KeyKind, default=KeyKind.LIVE)
    prefix = models.CharField(max_length=20, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    previous_prefix = models.CharField(max_length=20, blank=True, default="", editable=False)
    previous_digest = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    previous_until = models.DateTimeField(null=True, blank=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=10, choices=Scope), default=usual_scopes, help_text="What it may be used for."
    )
    allowed_networks = ArrayField(
        CidrField(max_length=43),
        default=list,
        blank=True,
        help_text="Networks it may be used from, like 192.0.2.0/24, separated by commas. Empty: from anywhere.",
    )
    monthly_cap = own_limit("Checks it may take of the account's in a period. Empty: all of them.")
    calls_per_minute = own_limit("Calls it may make in a minute. Empty: as many as the account may.")
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)  # to 5 minutes
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = LicenseKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[scope.value for scope in Scope], scopes__len__gt=0),
                name="license_key_scopes_known",
            ),
            models.CheckConstraint(
                condition=Q(previous_digest=None, previous_until=None)
                | Q(previous_digest__isnull=False, previous_until__isnull=False),
                name="license_key_previous_ends",
            ),
            models.CheckConstraint(
                condition=(Q(monthly_cap=None) | Q(monthly_cap__gt=0))
                & (Q(calls_per_minute=None) | Q(calls_per_minute__gt=0)),
                name="license_key_limits_positive",
            ),
            models.CheckConstraint(
                condition=Q(previous_digest=None) | ~Q(previous_digest=F("digest")), name="license_key_digests_differ"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def takes_calls_from(self, client: str) -> bool:
        """Tell whether a caller at an IP address may use it; at an unknown one ("") only where any may."""
        networks = [ip_network(network) for network in self.allowed_networks]
        return not networks or (bool(client) and any(ip_address(client) in network for network in networks))

    def state(self, now: datetime) -> str:
        """Tell whether it is `valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "valid"

    def has_two_secrets(self, now: datetime) -> bool:
        return self.previous_until is not None and self.previous_until > now
