# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
"""What pages of big tables have in common."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accounts.admin.base import M, ReadOnlyAdmin

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


def to_job(pk: uuid.UUID | None) -> SafeString | str:
    if pk is None:
        return "single call"
    return format_html('<a href="{}">{}</a>', reverse("admin:verification_job_change", args=[pk]), str(pk)[:8])


def numbers_of(numbers: list[int]) -> str:
    more = f" and {len(numbers) - BLOCK:,} more" if len(numbers) > BLOCK else ""
    return ", ".join(map(str, numbers[:BLOCK])) + more
