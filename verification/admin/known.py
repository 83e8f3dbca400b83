from __future__ import annotations

from django.contrib import admin

from accounts.admin.base import ReadOnlyAdmin
from verification.models import DailyTally, DomainFact, KnownMailbox


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


@admin.register(DailyTally)
class DailyTallyAdmin(ReadOnlyAdmin[DailyTally]):
    """Checks by day and kind; a row without account is of all accounts."""

    list_display = ("day", "account", "key_id", "source", "result", "reason", "blame", "provider", "count", "charged")
    list_select_related = ("account",)
    search_fields = ("account__slug__exact",)
    search_help_text = "By the short name of the account."
    readonly_fields = ("key_id",)
    exclude = ("key",)
