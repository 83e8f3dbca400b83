from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin, ReadOnlyInline, actor_of
from verification.domain import organisations
from verification.models import Organisation, PacingGrant


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
