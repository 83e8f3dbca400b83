from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from verification.models import PreparedFile


@admin.register(PreparedFile)
class PreparedFileAdmin(ReadOnlyAdmin[PreparedFile]):
    """Downloads under way and kept; which rows were chosen is not shown, as an address may be among the words."""

    list_display = ("asked_at", "account", "job", "kind", "state", "attempts", "size", "ready_at", "fault")
    list_select_related = ("account", "job")
    list_filter = ("state",)
    ordering = ("-asked_at",)
    search_fields = ("account__slug__exact",)
    search_help_text = "By the short name of the account."
    exclude = ("choice",)
