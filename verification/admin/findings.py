# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from accounts.admin.base import ReadOnlyAdmin
from verification.domain import doctor
from verification.models import Finding

OLD = timedelta(minutes=30)


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin[Finding]):
    """The doctor's report: what was looked at on each machine, what came out, and what to do."""

    list_display = ("shown_state", "what", "outcome", "advice", "looked_at", "host", "shown_time")
    list_display_links = ("what",)
    fields = ("host", "what", "shown_state", "looked_at", "outcome", "advice", "checked_at")
    readonly_fields = ("what", "shown_state")
    ordering = ()  # type: ignore[assignment]  # that of the report
    change_list_template = "admin/verification/finding/change_list.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Finding]:
        return doctor.report()

    def get_urls(self) -> list[URLPattern]:
        again = path("examine/", self.admin_site.admin_view(require_POST(self.examine)), name="examine")
        return [again, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "title": "The doctor's report"})

    def examine(self, request: HttpRequest) -> HttpResponse:
        """Have the queue of this machine look again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        doctor.ask()
        messages.success(request, "The doctor is on the way: look again in half a minute.")
        return redirect("admin:verification_finding_changelist")

    @admin.display(description="check", ordering=None)
    def what(self, finding: Finding) -> str:
        return finding.get_subject_display()

    @admin.display(description="state")
    def shown_state(self, finding: Finding) -> SafeString:
        is_old = finding.checked_at < timezone.now() - OLD
        state = "unclear" if is_old else finding.state
        return format_html('<span class="finding finding-{}">{}</span>', state, "no news" if is_old else state)

    @admin.display(description="looked at when")
    def shown_time(self, finding: Finding) -> str:
        return timezone.localtime(finding.checked_at).strftime("%Y-%m-%d %H:%M:%S %Z")
