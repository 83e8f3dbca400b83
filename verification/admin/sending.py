from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline
from verification.models import CheckKind, DomainCheck, SendingDomain


class CheckInline(ReadOnlyInline[DomainCheck, SendingDomain]):
    model = DomainCheck
    fields = ("kind", "last_check", "checked_at", "cause", "tried_at", "trouble")
    ordering = ("pk",)


@admin.register(SendingDomain)
class SendingDomainAdmin(ReadOnlyAdmin[SendingDomain]):
    """Domains of customers and what their DNS says."""

    list_display = ("domain", "account", "proof", "spf", "dkim", "dmarc", "next_check_at", "created_at")
    list_select_related = ("account",)
    search_fields = ("domain__startswith", "account__slug__exact")
    search_help_text = "By the beginning of the domain, or the short name of the account."
    fields = ("account", "domain", "selector", "created_by", "created_at", "next_check_at")
    inlines = (CheckInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SendingDomain]:
        return super().get_queryset(request).prefetch_related("checks")

    @admin.display
    def proof(self, domain: SendingDomain) -> str:
        return domain.check_of(CheckKind.PROOF).last_check

    @admin.display(description="SPF")
    def spf(self, domain: SendingDomain) -> str:
        return domain.check_of(CheckKind.SPF).last_check

    @admin.display(description="DKIM")
    def dkim(self, domain: SendingDomain) -> str:
        return domain.check_of(CheckKind.DKIM).last_check

    @admin.display(description="DMARC")
    def dmarc(self, domain: SendingDomain) -> str:
        return domain.check_of(CheckKind.DMARC).last_check
