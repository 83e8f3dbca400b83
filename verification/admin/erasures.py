from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from verification.models import Erasure


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin[Erasure]):
    """Receipts; the address of one under way is not shown."""

    list_display = ("requested_at", "account", "requested_by", "key", "done_at", "checks", "mentions", "results")
    list_select_related = ("account", "requested_by", "key")
    ordering = ("-requested_at",)
    search_fields = ("account__slug__exact",)
    search_help_text = "By the short name of the account."
    exclude = ("address",)
    readonly_fields = ("requested_at", "due_at", "hash")
