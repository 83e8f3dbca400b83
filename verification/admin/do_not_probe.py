# ruff: noqa: ARG002  (hooks keep the signatures of Django's admin)
from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ModelForm, StaffAdmin, actor_of
from verification.domain import do_not_probe
from verification.models import DoNotProbe


class DoNotProbeForm(ModelForm[DoNotProbe]):
    class Meta:
        model = DoNotProbe
        fields = ["name", "reason"]

    def clean_name(self) -> str:
        try:
            return do_not_probe.read_name(self.cleaned_data["name"])
        except do_not_probe.NameUnfit as fault:
            raise forms.ValidationError(str(fault)) from fault


@admin.register(DoNotProbe)
class DoNotProbeAdmin(StaffAdmin[DoNotProbe]):
    """Names that get no connection from us; in force within 15 s in every process."""

    form = DoNotProbeForm
    list_display = ("name", "reason", "added_by", "created_at")
    list_select_related = ("added_by",)
    search_fields = ("name", "reason")
    readonly_fields = ("added_by", "created_at")

    def save_model(self, request: HttpRequest, obj: DoNotProbe, form: Any, change: bool) -> None:  # Any: made form
        do_not_probe.store(row=obj, actor=actor_of(request))

    def delete_model(self, request: HttpRequest, obj: DoNotProbe) -> None:
        do_not_probe.remove(row=obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DoNotProbe]) -> None:
        for row in queryset:
            do_not_probe.remove(row=row, actor=actor_of(request))
