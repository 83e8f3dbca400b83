from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin.base import ReadOnlyAdmin, actor_of
from accounts.domain import feature_requests
from accounts.models import FeatureRequest


@admin.register(FeatureRequest)
class FeatureRequestAdmin(ReadOnlyAdmin[FeatureRequest]):
    """What customers ask for; the config itself is changed on the account's config page."""

    list_display = ("feature", "account", "note", "requested_by", "created_at", "answered_at", "answered_by")
    list_filter = (("answered_at", admin.EmptyFieldListFilter), "feature")
    list_select_related = ("account", "requested_by", "answered_by")
    search_fields = ("account__name", "account__slug")
    actions = ("answer",)  # type: ignore[assignment]  # of a read-only page, but this one

    def has_answer_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_featurerequest")

    @admin.action(description="Answered: close the request", permissions=["answer"])
    def answer(self, request: HttpRequest, chosen: QuerySet[FeatureRequest]) -> None:
        closed = feature_requests.answer(requests=chosen, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"{closed} closed.")
