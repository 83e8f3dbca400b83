"""License keys: what a customer's program signs in with."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.models.account import Account


class KeyKind(models.TextChoices):
    """A sandbox key takes the whole road with made-up answers, free."""

    LIVE = "live"
    SANDBOX = "sandbox"


class LicenseKey(models.Model):
    """A key at rest: the prefix to recognise it by and the SHA-256 of the whole; the key itself is shown once."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="license_keys")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=KeyKind, default=KeyKind.LIVE)
    prefix = models.CharField(max_length=20, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
