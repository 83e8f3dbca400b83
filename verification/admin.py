# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
"""The staff's view of jobs, checks and what was found out: to look at only.

Organisations that run mail hosts can be held back and released.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.base import M, ReadOnlyAdmin, ReadOnlyInline, actor_of
from verification.domain import organisations
from verification.models import (
    Batch,
    Check,
    CheckResult,
    DomainFact,
    Event,
    Job,
    KnownMailbox,
    Organisation,
    PacingGrant,
    Tally,
    Upload,
)

BLOCK = 500  # of a list of numbers, shown


class ByNumberAdmin(ReadOnlyAdmin[M]):
    """Rows of big tables, found by their own number or by their job's, which have an index."""

    search_fields = ("pk",)
    search_help_text = "By number, or by the whole id of the job."
    list_per_page = 100

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            return queryset.filter(job_id=uuid.UUID(term)), False
        except ValueError:
            is_number = term.isascii() and term.isdigit() and len(term) < 19
            return (queryset.filter(pk=int(term)) if is_number else queryset.none()), False


def _to_job(pk: uuid.UUID | None) -> SafeString | str:
    if pk is None:
        return "single call"
    return format_html('<a href="{}">{}</a>', reverse("admin:verification_job_change", args=[pk]), str(pk)[:8])


def _numbers(numbers: list[int]) -> str:
    more = f" and {len(numbers) - BLOCK:,} more" if len(numbers) > BLOCK else ""
    return ", ".join(map(str, numbers[:BLOCK])) + more


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
    list_filter = ("status", "source", "sandbox")
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


@admin.register(Check)
class CheckAdmin(ByNumberAdmin[Check]):
    list_display = ("id", "address", "verdict_of", "account", "to_job", "position", "classifier", "created_at")
    list_select_related = ("account", "verdict")
    fields = (
        "account",
        "to_job",
        "address",
        "domain",
        "verdict_of",
        "classifier",
        "duplicate_of",
        "position",
        "block",
        "block_index",
        "reference",
        "original",
        "created_at",
    )
    readonly_fields = ("to_job", "verdict_of")

    @admin.display(description="verdict")
    def verdict_of(self, check: Check) -> SafeString | str:
        try:
            verdict = check.verdict
        except CheckResult.DoesNotExist:
            return "none yet"
        url = reverse("admin:verification_checkresult_change", args=[verdict.pk])
        return format_html('<a href="{}">{}/{}</a>', url, verdict.result, verdict.reason)

    @admin.display(description="job")
    def to_job(self, check: Check) -> SafeString | str:
        return _to_job(check.job_id)


@admin.register(CheckResult)
class CheckResultAdmin(ByNumberAdmin[CheckResult]):
    list_display = (
        "check_row_id",
        "address",
        "result",
        "reason",
        "blame",
        "final",
        "charged",
        "duration",
        "checked_at",
    )
    list_display_links = ("check_row_id", "address")
    list_select_related = ("check_row",)
    fields = (
        "account",
        "to_check",
        "to_job",
        "result",
        "reason",
        "blame",
        "final",
        "charged",
        "role",
        "free",
        "disposable",
        "mail_server_location",
        "duration",
        "checked_at",
        "readable_evidence",
    )
    readonly_fields = ("to_check", "to_job", "readable_evidence")

    @admin.display
    def address(self, result: CheckResult) -> str:
        return result.check_row.address

    @admin.display(description="check")
    def to_check(self, result: CheckResult) -> SafeString:
        url = reverse("admin:verification_check_change", args=[result.pk])
        return format_html('<a href="{}">{}</a>', url, result.check_row.address)

    @admin.display(description="job")
    def to_job(self, result: CheckResult) -> SafeString | str:
        return _to_job(result.job_id)

    @admin.display(description="evidence")
    def readable_evidence(self, result: CheckResult) -> SafeString:
        text = json.dumps(result.evidence, indent=2, ensure_ascii=False)
        return format_html('<pre class="evidence">{}</pre>', text)


@admin.register(Batch)
class BatchAdmin(ByNumberAdmin[Batch]):
    list_display = ("id", "account", "to_job", "size", "due_at", "lease_until", "attempts", "alone", "tries", "flushes")
    list_select_related = ("account",)
    exclude = ("job", "check_ids")
    readonly_fields = ("to_job", "checks")

    @admin.display(description="addresses")
    def size(self, batch: Batch) -> int:
        return len(batch.check_ids)

    @admin.display
    def checks(self, batch: Batch) -> str:
        return _numbers(batch.check_ids)

    @admin.display(description="job")
    def to_job(self, batch: Batch) -> SafeString | str:
        return _to_job(batch.job_id)


@admin.register(Event)
class EventAdmin(ByNumberAdmin[Event]):
    list_display = ("id", "to_job", "type", "sub_type", "first_seq", "last_seq", "created_at")
    exclude = ("job", "check_ids")
    readonly_fields = ("to_job", "checks")

    @admin.display
    def checks(self, event: Event) -> str:
        return _numbers(event.check_ids)

    @admin.display(description="job")
    def to_job(self, event: Event) -> SafeString | str:
        return _to_job(event.job_id)


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin[Upload]):
    list_display = ("filename", "account", "size", "row_count", "encoding", "created_by", "created_at")
    list_select_related = ("account", "created_by")
    ordering = ("-created_at",)
    search_fields = ("filename", "account__name", "account__slug")
    exclude = ("sample",)


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


class GrantInline(ReadOnlyInline[PacingGrant, Organisation]):
    model = PacingGrant
    fields = ("holder", "live", "slots", "until")
    ordering = ("-until",)


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin[Organisation]):
    """Who runs mail hosts: how many connections we have there, and whether they hold us back."""

    list_display = ("name", "connections", "slots", "refusals", "backoffs", "backoff_until", "paused_at", "seen_at")
    list_filter = (("backoff_until", admin.EmptyFieldListFilter), ("paused_at", admin.EmptyFieldListFilter))
    ordering = ("name",)
    search_fields = ("name__startswith",)
    search_help_text = "By the beginning of the name."
    actions = ("release", "pause", "resume")  # type: ignore[assignment]  # of a read-only page, but these
    inlines = (GrantInline,)
    fields = (
        *("name", "connections", "slots", "refusals", "backoffs", "backoff_until"),
        *("paused_at", "paused_by", "seen_at"),
    )
    readonly_fields = ("connections",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        return organisations.with_connections(super().get_queryset(request))

    def has_steer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("verification.change_organisation")

    @admin.display(description="connections now")
    def connections(self, organisation: Any) -> int:  # Any: annotated
        return int(organisation.connections)

    @admin.action(description="Release: ask again at once", permissions=["steer"])
    def release(self, request: HttpRequest, chosen: QuerySet[Organisation]) -> None:
        for organisation in chosen:
            organisations.release(organisation=organisation, actor=actor_of(request))
            self.log_change(request, organisation, "Released.")
        messages.success(request, "Released.")

    @admin.action(description="Pause: no connections until resumed", permissions=["steer"])
    def pause(self, request: HttpRequest, chosen: QuerySet[Organisation]) -> None:
        for organisation in chosen:
            organisations.pause(organisation=organisation, actor=actor_of(request))
            self.log_change(request, organisation, "Paused.")
        messages.success(request, "Paused.")

    @admin.action(description="Resume what staff paused", permissions=["steer"])
    def resume(self, request: HttpRequest, chosen: QuerySet[Organisation]) -> None:
        for organisation in chosen:
            organisations.resume(organisation=organisation, actor=actor_of(request))
            self.log_change(request, organisation, "Resumed.")
        messages.success(request, "Resumed.")
