"""Invitations by mail: a person is asked to join an account."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models

from accounts.models.account import Account, Role


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> InvitationQuerySet:
        """Neither accepted nor taken back; they may be past their date."""
        return self.filter(accepted_at=None, revoked_at=None)

    def valid(self, now: datetime) -> InvitationQuerySet:
        """Those that can be accepted."""
        return self.open().filter(expires_at__gt=now).exclude(account__status=Account.Status.CLOSED)


class Invitation(models.Model):
    """An invitation at rest: the SHA-256 of the token in the mail; a new mail brings a new token."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField("e-mail address", max_length=254)
    role = models.CharField(max_length=10, choices=Role)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField()
    sent_count = models.PositiveSmallIntegerField(default=1)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Invitation]] = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=~models.Q(role=Role.OWNER), name="invitation_no_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.account}: {self.role}"
