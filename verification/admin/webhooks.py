from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin.base import ReadOnlyAdmin, actor_of
from verification.domain.webhooks import endpoints
from verification.models import WebhookDelivery, WebhookEndpoint


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin[WebhookEndpoint]):
    """Where events of accounts and jobs are sent, and whether they get there."""

    list_display = ("host", "account", "state", "failing_since", "fault", "is_of_a_job", "created_at")
    list_filter = ("state",)
    list_select_related = ("account",)
    ordering = ("-created_at",)
    search_fields = ("account__slug__exact",)
    search_help_text = "By the short name of the account."
    fields = (
        *("account", "job", "host", "description", "events", "state", "fault", "failing_since"),
        *("previous_until", "created_by", "created_at"),
    )
    readonly_fields = ("host",)

    @admin.display(boolean=True, description="of a job")
    def is_of_a_job(self, endpoint: WebhookEndpoint) -> bool:
        return endpoint.job_id is not None


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin[WebhookDelivery]):
    """What was sent where, and what came of it."""

    list_display = ("__str__", "host", "account", "state", "tries", "last_answer", "due_at", "created_at")
    list_filter = ("state",)
    list_select_related = ("endpoint__account",)
    ordering = ("-created_at",)
    search_fields = ("endpoint__account__slug__exact",)
    search_help_text = "By the short name of the account."
    actions = ("send_again",)  # type: ignore[assignment]  # of a read-only page, but this
    fields = ("endpoint", "event", "first_seq", "last_seq", "state", "tries", "due_at", "log", "created_at")

    def has_send_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("verification.change_webhookdelivery")

    @admin.action(description="Send again at once, with all tries", permissions=["send"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[WebhookDelivery]) -> None:
        number, off = 0, 0
        for delivery in chosen:
            try:
                number += endpoints.replay(delivery=delivery, actor=actor_of(request))
            except endpoints.SwitchedOff:
                off += 1
        messages.success(request, f"{number:,} deliveries are on their way again.")
        if off:
            messages.warning(request, f"{off:,} wait: their webhooks are switched off.")

    @admin.display
    def host(self, delivery: WebhookDelivery) -> str:
        return delivery.endpoint.host

    @admin.display
    def account(self, delivery: WebhookDelivery) -> str:
        return str(delivery.endpoint.account)

    @admin.display
    def last_answer(self, delivery: WebhookDelivery) -> str:
        if not delivery.log:
            return ""
        last = delivery.log[-1]
        return last["error"] or str(last["status"])
