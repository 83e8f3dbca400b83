# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts.admin.base import ModelForm, StaffAdmin, actor_of
from accounts.domain import key_rules, keys
from accounts.models import Account, KeyKind, LicenseKey, Scope
from accounts.models.key import usual_scopes

RULES = ("scopes", "allowed_networks", "monthly_cap", "calls_per_minute", "expires_at")


class KeyForm(ModelForm[LicenseKey]):
    """A key as the rules of keys have it; the fields are chosen by the admin."""

    def clean(self) -> dict[str, Any]:  # Any: Django's signature
        data = super().clean() or {}
        readers: dict[str, Callable[[Any], Any]] = {  # Any: the field's value
            "name": key_rules.read_name,
            "scopes": key_rules.read_scopes,
            "allowed_networks": key_rules.read_networks,
            "monthly_cap": partial(key_rules.read_limit, "monthly_cap"),
            "calls_per_minute": partial(key_rules.read_limit, "calls_per_minute"),
        }
        for field, read in readers.items():
            if field in data:
                try:
                    data[field] = read(data[field])
                except key_rules.KeyFaulty as fault:
                    self.add_error(field, str(fault))
        if self.instance.pk is None and data.get("account") is not None:
            try:
                keys.require_room(account=data["account"])
            except keys.TooManyKeys as refusal:
                self.add_error(None, str(refusal))
        return data

    def clean_expires_at(self) -> datetime | None:
        """Refuse an expiry in the past, unless it was so before."""
        moment: datetime | None = self.cleaned_data["expires_at"]
        if "expires_at" not in self.changed_data:
            return moment
        try:
            return key_rules.read_expiry(moment, now=timezone.now())
        except key_rules.KeyFaulty as fault:
            raise forms.ValidationError(str(fault)) from fault


@admin.register(LicenseKey)
class LicenseKeyAdmin(StaffAdmin[LicenseKey]):
    form = KeyForm
    list_display = ("shown", "name", "account", "kind", "state", "last_used_at", "expires_at", "created_at")
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("account",)
    search_fields = ("name",)
    search_help_text = "The beginning of the key, a part of its name, or an account's whole name or short name."
    raw_id_fields = ("account",)
    actions = ("revoke",)
    new_fields = ("account", "name", "kind", *RULES)
    kept_fields = ("name", *RULES)
    set_fields = (
        "shown",
        "account",
        "kind",
        "state",
        "last_used_at",
        "last_used_from",
        "created_at",
        "created_by",
        "revoked_at",
        "revoked_by",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[LicenseKey], search_term: str
    ) -> tuple[QuerySet[LicenseKey], bool]:
        """Look accounts up first: they are many more than a join could search at once."""
        term = search_term.strip()[:200]
        if not term:
            return queryset, False
        theirs = Account.objects.filter(Q(slug=term.lower()) | Q(name=term)).values_list("pk", flat=True)
        named = Q(prefix__startswith=term) | Q(name__icontains=term) | Q(account__in=list(theirs[:1_000]))
        return queryset.filter(named), False

    def get_fields(self, request: HttpRequest, obj: LicenseKey | None = None) -> tuple[str, ...]:
        return self.kept_fields + self.set_fields if obj else self.new_fields

    def get_readonly_fields(self, request: HttpRequest, obj: LicenseKey | None = None) -> tuple[str, ...]:
        return self.set_fields if obj else ()

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:  # Any: Django's
        if db_field.name == "scopes":
            widget = forms.CheckboxSelectMultiple
            return forms.MultipleChoiceField(
                choices=Scope.choices, widget=widget, initial=usual_scopes, help_text=db_field.help_text
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: LicenseKey | None = None) -> bool:
        return False  # revoked, instead

    @admin.display(description="key", ordering="prefix")
    def shown(self, key: LicenseKey) -> str:
        return f"{key.prefix}…"

    @admin.display
    def state(self, key: LicenseKey) -> str:
        return key.state(timezone.now())

    def save_model(self, request: HttpRequest, obj: LicenseKey, form: Any, change: bool) -> None:  # Any: made form
        if change:
            keys.change_key(
                key=LicenseKey.objects.get(pk=obj.pk),
                actor=actor_of(request),
                name=obj.name,
                scopes=obj.scopes,
                allowed_networks=obj.allowed_networks,
                monthly_cap=obj.monthly_cap,
                calls_per_minute=obj.calls_per_minute,
                expires_at=obj.expires_at,
                now=timezone.now(),
            )
            return
        made, secret = keys.create_key(
            account=obj.account,
            name=obj.name,
            kind=KeyKind(obj.kind),
            actor=actor_of(request),
            now=timezone.now(),
            scopes=obj.scopes,
            allowed_networks=obj.allowed_networks,
            monthly_cap=obj.monthly_cap,
            calls_per_minute=obj.calls_per_minute,
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
