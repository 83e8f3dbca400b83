"""A customer's account and the people in it."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


def new_hash_key() -> bytes:
    return secrets.token_bytes(32)


class Account(models.Model):
    """A tenant.  Everything a customer owns hangs on one."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")
        CLOSED = "closed", _("Closed")

    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=50, unique=True, help_text="Part of the pages' addresses, after /a/.")
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    monthly_quota = models.PositiveIntegerField(default=1_000, help_text="Checks granted at each start of a period.")
    reset_day = models.PositiveSmallIntegerField(default=1, help_text="Day of the month a period starts, 1 to 28.")
    hash_key = models.BinaryField(default=new_hash_key, editable=False, max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    members: models.ManyToManyField[models.Model, Membership] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="accounts"
    )

    class Meta:
        permissions = [("impersonate", "Can look at a customer's pages as one of its people")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reset_day__gte=1, reset_day__lte=28), name="account_reset_day_1_to_28"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE


class Role(models.TextChoices):
    """What a member may do, see docs/permissions.md."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class Membership(models.Model):
    """A person's place in an account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.account}: {self.role}"
