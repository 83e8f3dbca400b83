# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
"""Of django-q2's own pages, the failed tasks alone: to read and to delete.

Its other pages would let staff put any Python function into the queue; what waits there is on the queue's page.
"""

from __future__ import annotations

import django_q.admin  # noqa: F401  # first: it registers its pages
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django_q.models import Failure, OrmQ, Schedule, Success

from accounts.admin.base import ReadOnlyAdmin

for model in (Schedule, Success, Failure, OrmQ):
    if admin.site.is_registered(model):  # OrmQ is not where the queue is in Redis
        admin.site.unregister(model)


@admin.register(Failure)
class FailureAdmin(ReadOnlyAdmin[Failure]):
    """Why tasks ended with an error.  No work is lost by it: rows are tried again."""

    actions = ()  # type: ignore[assignment]  # of a read-only page, but deleting
    list_display = ("func", "cluster", "started", "stopped", "cause")
    ordering = ("-stopped",)
    search_fields = ("func",)
    fields = ("name", "func", "cluster", "started", "stopped", "attempt_count", "whole_cause")
    readonly_fields = fields

    def has_delete_permission(self, request: HttpRequest, obj: Failure | None = None) -> bool:
        return request.user.has_perm("django_q.delete_failure")

    @admin.display
    def cause(self, failure: Failure) -> str:
        return Truncator(str(failure.result)).chars(100)

    @admin.display(description="cause")
    def whole_cause(self, failure: Failure) -> SafeString:
        return format_html('<pre class="evidence">{}</pre>', str(failure.result)[:20_000])
