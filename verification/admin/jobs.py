from __future__ import annotations

import uuid

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline, actor_of
from accounts.admin.filters import DateRangeFilter
from verification.domain import jobs
from verification.models import Job, Tally, Upload


class TallyInline(ReadOnlyInline[Tally, Job]):
    model = Tally
    ordering = ("-count",)


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin[Job]):
    list_display = (
        "__str__",
        "account",
        "source",
        "status",
        "percent_done",
        "total",
        "decided",
        "undecided",
        "waiting",
        "refused",
        "created_at",
    )
    list_filter = ("status", "source", "sandbox", ("created_at", DateRangeFilter))
    actions = ("requeue",)  # type: ignore[assignment]  # of a read-only page, but this
    list_select_related = ("account",)
    ordering = ("-created_at",)
    search_fields = ("name", "account__name", "account__slug", "reference_job")
    search_help_text = "By name, account or reference, or by the whole id."
    inlines = (TallyInline,)
    fieldsets = (
        (None, {"fields": ("id", "account", "name", "source", "status", "sandbox", "fault", "rows")}),
        ("Progress", {"fields": ("total", "decided", "undecided", "waiting", "refused", "duplicate", "cancelled")}),
        ("From", {"fields": ("upload", "created_by", "key", "reference_job", "cost_center", "campaign_id", "columns")}),
        ("When", {"fields": ("created_at", "started_at", "finished_at")}),
    )
    readonly_fields = ("id", "rows")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        try:
            return queryset.filter(pk=uuid.UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("verification.change_job")

    @admin.action(description="Requeue: what waits for a later try is due now", permissions=["requeue"])
    def requeue(self, request: HttpRequest, chosen: QuerySet[Job]) -> None:
        number = sum(jobs.requeue(account=job.account, actor=actor_of(request), job=job) for job in chosen)
        messages.success(request, f"{number:,} jobs are looked at again.")

    @admin.display(description="done")
    def percent_done(self, job: Job) -> str:
        return f"{job.percent} %"

    @admin.display
    def rows(self, job: Job) -> SafeString:
        def link(page: str) -> str:
            return f"{reverse(f'admin:verification_{page}_changelist')}?q={job.pk}"

        return format_html(
            '<a href="{}">Checks</a> · <a href="{}">Results</a> · <a href="{}">Batches</a> · <a href="{}">Events</a>',
            link("check"),
            link("checkresult"),
            link("batch"),
            link("event"),
        )


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin[Upload]):
    list_display = ("filename", "account", "size", "row_count", "encoding", "created_by", "created_at")
    list_select_related = ("account", "created_by")
    ordering = ("-created_at",)
    search_fields = ("filename", "account__name", "account__slug")
    exclude = ("sample",)
