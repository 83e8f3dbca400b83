# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ModelForm, StaffAdmin, actor_of
from accounts.domain import config
from accounts.models import AccountConfig


class ConfigForm(ModelForm[AccountConfig]):
    class Meta:
        model = AccountConfig
        fields = "__all__"  # staff may set all of it

    def clean_sending_domain(self) -> str:
        return str(self.cleaned_data["sending_domain"]).strip().lower()


@admin.register(AccountConfig)
class AccountConfigAdmin(StaffAdmin[AccountConfig]):
    form = ConfigForm
    list_display = (
        "account",
        "sending_domain",
        "verification_api",
        "job_requests",
        "uploads",
        "exports",
        "mailbox_probe",
        "catch_all_probe",
        "updated_at",
    )
    list_display_links = ("account", "sending_domain")
    list_filter = ("verification_api", "job_requests", "uploads", "exports", "mailbox_probe", "catch_all_probe")
    list_select_related = ("account",)
    search_fields = ("account__name", "account__slug", "sending_domain")
    raw_id_fields = ("account",)
    fieldsets: ClassVar[Any] = (  # Any: Django's nested tuples
        (None, {"fields": ("account", "sending_domain")}),
        *((title, {"fields": fields}) for title, fields in config.GROUPS.items()),
    )

    def save_model(self, request: HttpRequest, obj: AccountConfig, form: Any, change: bool) -> None:  # Any: made form
        config.store(config=obj, actor=actor_of(request))

    def delete_model(self, request: HttpRequest, obj: AccountConfig) -> None:
        config.remove(config=obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AccountConfig]) -> None:
        for row in queryset.select_related("account"):
            config.remove(config=row, actor=actor_of(request))
