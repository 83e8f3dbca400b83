# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin
from accounts.models import Account
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
    search_fields = ("account",)
    search_help_text = "By the short name of the account."
    readonly_fields = ("key_id",)
    exclude = ("key",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[DailyTally], search_term: str
    ) -> tuple[QuerySet[DailyTally], bool]:
        """Find an account's rows by their index, which knows those of all accounts as number 0."""
        term = search_term.strip()[:50]
        if not term:
            return queryset, False
        account = Account.objects.filter(slug=term).first()
        if account is None:
            return queryset.none(), False
        return queryset.alias(whose=Coalesce("account", 0)).filter(whose=account.pk), False
