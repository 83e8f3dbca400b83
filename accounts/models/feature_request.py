"""What customers ask of staff: a feature of their config that is off, or more than a limit gives."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from accounts.models.account import Account


class FeatureRequest(models.Model):
    """One wish; open until staff answer it.  `feature` is a field of AccountConfig."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="feature_requests")
    feature = models.CharField(max_length=40)
    note = models.CharField(max_length=500, blank=True, help_text="In the customer's words.")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "feature"], condition=models.Q(answered_at=None), name="feature_request_open_once"
            ),
        ]
        indexes = [models.Index(fields=["account", "-created_at"], name="feature_request_by_account")]

    def __str__(self) -> str:
        return f"{self.account}: {self.feature}"
