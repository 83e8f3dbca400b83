from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Invitation


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin[Invitation]):
    """Who was asked into which account; sent and taken back on the account's own pages."""

    list_display = ("email", "account", "role", "sent_at", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("account",)
    search_fields = ("email", "account__name", "account__slug")
    fields = (
        *("account", "email", "role", "invited_by", "created_at", "sent_at", "sent_count", "expires_at"),
        *("accepted_at", "accepted_by", "revoked_at"),
    )
