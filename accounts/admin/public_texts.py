# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin.base import StaffAdmin, actor_of
from accounts.domain import public_texts
from accounts.models import PublicText


@admin.register(PublicText)
class PublicTextAdmin(StaffAdmin[PublicText]):
    """Terms and privacy: what stands on /terms and /privacy from the moment it is saved."""

    list_display = ("kind", "updated_at", "updated_by")
    list_select_related = ("updated_by",)
    fields = ("kind", "text", "updated_at", "updated_by")

    def get_readonly_fields(self, request: HttpRequest, obj: PublicText | None = None) -> tuple[str, ...]:
        return ("kind", "updated_at", "updated_by") if obj else ("updated_at", "updated_by")

    def has_delete_permission(self, request: HttpRequest, obj: PublicText | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: PublicText, form: Any, change: bool) -> None:  # Any: made form
        public_texts.store(text=obj, actor=actor_of(request), now=timezone.now())
