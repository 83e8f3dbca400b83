from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.models import LogEntry

from accounts.admin.base import ReadOnlyAdmin


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin[LogEntry]):
    """What staff did in the admin."""

    list_display = ("action_time", "user", "content_type", "object_repr", "__str__")
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_repr")
