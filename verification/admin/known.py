from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from verification.models import DomainFact, KnownMailbox


@admin.register(KnownMailbox)
class KnownMailboxAdmin(ReadOnlyAdmin[KnownMailbox]):
    list_display = ("id", "account", "check_row_id", "checked_at")
    list_select_related = ("account", "check_row")
    fields = ("account", "check_row", "checked_at")


@admin.register(DomainFact)
class DomainFactAdmin(ReadOnlyAdmin[DomainFact]):
    list_display = ("domain", "catch_all", "host", "probed_at")
    ordering = ("domain",)
    search_fields = ("domain__startswith",)
