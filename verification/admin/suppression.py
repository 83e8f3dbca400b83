# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ModelForm, StaffAdmin, actor_of
from verification.domain import suppression_list
from verification.models import Suppression, SuppressionKind, SuppressionSource


class SuppressionForm(ModelForm[Suppression]):
    class Meta:
        model = Suppression
        fields = ["mailbox", "kind", "reason"]
        labels = {"mailbox": "Address"}

    def clean(self) -> dict[str, Any]:  # Any: Django's signature
        data = super().clean() or {}
        if not self.errors:
            try:
                entry = suppression_list.entry_of(data["mailbox"], data["kind"], data["reason"])
            except suppression_list.Unfit as fault:
                raise forms.ValidationError(str(fault)) from fault
            self.instance.mailbox = data["mailbox"] = entry.mailbox
            if not entry.reason:
                self.add_error("reason", "Say why.")
        return data

    def _get_validation_exclusions(self) -> set[str]:
        """Leave the term and an entry that is there already to the domain."""
        return {field.name for field in Suppression._meta.fields}

    def validate_constraints(self) -> None:
        """Leave them to the domain."""


@admin.register(Suppression)
class SuppressionAdmin(StaffAdmin[Suppression]):
    """Staff's own list, which holds for all accounts; those of accounts are theirs."""

    form = SuppressionForm
    list_display = ("mailbox", "kind", "reason", "source", "added_at", "until")
    list_filter = ("kind",)
    search_fields = ("mailbox", "reason")
    readonly_fields = ("source", "added_at", "until")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Suppression]:
        return super().get_queryset(request).filter(account=None)

    def has_change_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:  # Any: made form
        entry = suppression_list.Entry(obj.mailbox, SuppressionKind(obj.kind), suppression_list.reason_of(obj.reason))
        row, _ = suppression_list.add(
            account=None, entry=entry, source=SuppressionSource.STAFF, actor=actor_of(request)
        )
        obj.pk = row.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Suppression) -> None:
        suppression_list.remove(entry=obj, reason="by staff", actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        for row in queryset:
            suppression_list.remove(entry=row, reason="by staff", actor=actor_of(request))
