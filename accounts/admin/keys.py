# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin.base import StaffAdmin, actor_of
from accounts.domain import keys
from accounts.models import KeyKind, LicenseKey


@admin.register(LicenseKey)
class LicenseKeyAdmin(StaffAdmin[LicenseKey]):
    list_display = ("shown", "name", "account", "kind", "state", "last_used_at", "expires_at", "created_at")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("account",)
    search_fields = ("prefix", "name", "account__name", "account__slug")
    raw_id_fields = ("account",)
    actions = ("revoke",)
    new_fields = ("account", "name", "kind", "expires_at")
    kept_fields = ("name", "expires_at")
    set_fields = (
        "shown",
        "account",
        "kind",
        "state",
        "last_used_at",
        "created_at",
        "created_by",
        "revoked_at",
        "revoked_by",
    )

    def get_fields(self, request: HttpRequest, obj: LicenseKey | None = None) -> tuple[str, ...]:
        return self.kept_fields + self.set_fields if obj else self.new_fields

    def get_readonly_fields(self, request: HttpRequest, obj: LicenseKey | None = None) -> tuple[str, ...]:
        return self.set_fields if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: LicenseKey | None = None) -> bool:
        return False  # revoked, instead

    @admin.display(description="key", ordering="prefix")
    def shown(self, key: LicenseKey) -> str:
        return f"{key.prefix}…"

    @admin.display
    def state(self, key: LicenseKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        return "expired" if key.expires_at and key.expires_at <= timezone.now() else "valid"

    def save_model(self, request: HttpRequest, obj: LicenseKey, form: Any, change: bool) -> None:  # Any: made form
        if change:
            keys.change(key=obj, actor=actor_of(request), fields=self.kept_fields)
            return
        made, secret = keys.create_key(
            account=obj.account,
            name=obj.name,
            kind=KeyKind(obj.kind),
            actor=actor_of(request),
            expires_at=obj.expires_at,
        )
        obj.pk, obj.prefix, obj._state.adding = made.pk, made.prefix, False
        form.secret = secret

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> LicenseKey:  # Any: made form
        request.made_key = form  # type: ignore[attr-defined]  # for response_add: it is handed no form
        key: LicenseKey = super().save_form(request, form, change)
        return key

    def response_add(self, request: HttpRequest, obj: LicenseKey, post_url_continue: str | None = None) -> HttpResponse:
        """Show the secret in the answer itself: a message or a redirect would store it."""
        context = self.admin_site.each_context(request) | {
            "title": "The key was made",
            "opts": self.opts,
            "key": obj,
            "secret": request.made_key.secret,  # type: ignore[attr-defined]
        }
        return TemplateResponse(request, "admin/accounts/licensekey/made.html", context)

    @admin.action(description="Revoke for good", permissions=["change"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[LicenseKey]) -> None:
        for key in chosen:
            keys.revoke(key=key, actor=actor_of(request), now=timezone.now())
            self.log_change(request, key, "Revoked.")
        messages.success(request, "Revoked.")
