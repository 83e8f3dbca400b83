"""Accounts as the product knows them: with their jobs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_value
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.account import AccountAdmin
from accounts.admin.base import actor_of
from accounts.models import Account
from verification.domain import jobs, overview

admin.site.unregister(Account)


@admin.register(Account)
class AccountWithJobsAdmin(AccountAdmin):
    list_display = (*AccountAdmin.list_display, "running")
    readonly_fields = (*AccountAdmin.readonly_fields, "running")
    actions = (*AccountAdmin.actions, "requeue")
    fieldsets = (
        (None, {"fields": ("name", "slug", "status", "created_at", "last_activity", "running", "more")}),
        *AccountAdmin.fieldsets[1:],
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        return overview.with_jobs(super().get_queryset(request))

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("verification.change_job")

    @admin.display
    def last_activity(self, account: Any) -> str:  # Any: annotated
        return display_for_value(max(filter(None, [account.key_used_at, account.last_job_at]), default=None), "–")

    @admin.display(description="jobs running")
    def running(self, account: Any) -> str:  # Any: annotated
        return f"{account.jobs_running:,}" if account.jobs_running else "–"

    @admin.action(description="Requeue jobs: what waits for a later try is due now", permissions=["requeue"])
    def requeue(self, request: HttpRequest, chosen: QuerySet[Account]) -> None:
        number = sum(jobs.requeue(account=account, actor=actor_of(request)) for account in chosen)
        messages.success(request, f"{number:,} jobs are looked at again.")
