# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any

import idna
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ModelForm, StackedInline, StaffAdmin, actor_of
from accounts.domain import config
from accounts.models import Account, AccountConfig


class ConfigForm(ModelForm[AccountConfig]):
    class Meta:
        model = AccountConfig
        fields = "__all__"  # staff may set all of it

    def clean_sending_domain(self) -> str:
        """Give the name as the DNS has it, which is how sending domains are kept."""
        name = str(self.cleaned_data["sending_domain"]).strip().lower()
        try:
            return idna.encode(name, uts46=True).decode() if name else ""
        except idna.IDNAError as fault:
            raise ValidationError("That is no name of a domain.") from fault


FIELDSETS: Any = (  # Any: Django's nested tuples
    (
        None,
        {
            "fields": ("account", "sending_domain"),
            "description": "Of a sending domain's row only this counts, for jobs in its name: "
            f"{', '.join(sorted(config.OF_DOMAINS)).replace('_', ' ')}.",
        },
    ),
    *((title, {"fields": fields}) for title, fields in config.GROUPS.items()),
)

INLINE_FIELDSETS: Any = tuple(  # Any: as above
    (name, options | {"fields": tuple(field for field in options["fields"] if field != "account")})
    for name, options in FIELDSETS
)


class ConfigInline(StackedInline[AccountConfig, Account]):
    """The account's own row and those of its sending domains, which override it."""

    model = AccountConfig
    form = ConfigForm
    extra = 0
    classes = ("collapse",)
    fieldsets = INLINE_FIELDSETS
    verbose_name = "config"
    verbose_name_plural = "config of the account, and of sending domains that override it"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountConfig]:
        return super().get_queryset(request).select_related("account").order_by("sending_domain")


def save_configs(request: HttpRequest, formset: Any) -> None:  # Any: a formset of configs
    """Save a formset of an account's configs, each through the domain."""
    formset.save(commit=False)
    for row in formset.deleted_objects:
        config.remove(config=row, actor=actor_of(request))
    for row in [*formset.new_objects, *(row for row, _ in formset.changed_objects)]:
        config.store(config=row, actor=actor_of(request))


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
    fieldsets = FIELDSETS

    def save_model(self, request: HttpRequest, obj: AccountConfig, form: Any, change: bool) -> None:  # Any: made form
        config.store(config=obj, actor=actor_of(request))

    def delete_model(self, request: HttpRequest, obj: AccountConfig) -> None:
        config.remove(config=obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AccountConfig]) -> None:
        for row in queryset.select_related("account"):
            config.remove(config=row, actor=actor_of(request))
