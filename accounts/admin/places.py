"""Memberships edited beside an account or a person."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from accounts.admin.base import actor_of
from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import Membership


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
