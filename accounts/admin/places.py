"""Memberships edited beside an account or a person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import ForeignKeyRawIdWidget
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.forms import ModelChoiceField
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest

from accounts.admin.base import P, TabularInline, actor_of
from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Membership, Role


class TeamFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # none at run time
    """The members of an account, which keeps an owner."""

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms and hasattr(form, "cleaned_data")]
        if not any(form.cleaned_data.get("role") == Role.OWNER for form in kept):
            raise ValidationError("An account needs an owner.")


class PlaceFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # none at run time
    """The places of a person, who stays an owner where there is no other."""

    def clean(self) -> None:
        super().clean()
        for form in self.initial_forms:
            goes = form in self.deleted_forms or form.cleaned_data.get("role") != Role.OWNER
            if form.initial.get("role") == Role.OWNER and goes:
                others = Membership.objects.filter(account=form.instance.account_id, role=Role.OWNER)
                if not others.exclude(pk=form.instance.pk).exists():
                    raise ValidationError(f"{form.instance.account} needs an owner.")


class NumberWidget(ForeignKeyRawIdWidget):
    """A row's number with a look-up beside it; its name is above the line anyway, and asking for it costs a query."""

    def label_and_url_for_value(self, value: Any) -> tuple[str, str]:  # noqa: ARG002  # Any: Django's signature
        return "", ""


class PlacesInline(TabularInline[Membership, P]):
    """Places of an account or of a person; `other` is the side to choose."""

    model = Membership
    extra = 0
    other = ""

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "account")

    def formfield_for_foreignkey(
        self, db_field: models.ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:  # Any: Django's signature
        if db_field.name == self.other:
            kwargs["widget"] = NumberWidget(db_field.remote_field, admin.site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@transaction.atomic
def save_places(request: HttpRequest, formset: Any) -> None:  # Any: a formset of memberships
    """Save a formset, with an entry in the audit log for each place given, changed and taken away."""
    roles = {place.pk: place.role for place in formset.queryset}
    formset.save()
    for place in formset.new_objects:
        _note(request, Action.MEMBER_ADDED, place, after={"role": place.role})
    for place, _ in formset.changed_objects:
        _note(request, Action.ROLE_CHANGED, place, before={"role": roles[place.pk]}, after={"role": place.role})
    for place in formset.deleted_objects:
        _note(request, Action.MEMBER_REMOVED, place, before={"role": place.role})


def _note(
    request: HttpRequest,
    action: Action,
    place: Membership,
    before: dict[str, str] | None = None,
    after: dict[str, str] | None = None,
) -> None:
    audit.record(
        action=action, actor=actor_of(request), target=place.user, account=place.account, before=before, after=after
    )
