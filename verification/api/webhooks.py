"""`/api/v1/webhooks`: docs/api/webhooks.md."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.domain.config import FeatureDisabled
from accounts.models import Scope
from verification.api import json_members, query, schema_webhooks
from verification.api.base import ApiView, account_of, key_of
from verification.api.errors import PROBLEM, problem
from verification.api.idempotent import Done, once
from verification.api.job_answers import timestamp
from verification.domain.webhooks import endpoints
from verification.domain.webhooks.endpoints import EventsUnfit, TooManyEndpoints
from verification.domain.webhooks.targets import UrlUnfit
from verification.models import DeliveryState, EventType, WebhookDelivery, WebhookEndpoint, WebhookState

LIMIT = 100
LIST = "deliveries"  # the name of the list, for its cursors


def description(value: object) -> str:
    text = json_members.text(value)
    if len(text) > endpoints.LONGEST_DESCRIPTION or not text.isprintable():
        raise ValueError(f"Must be printable, with at most {endpoints.LONGEST_DESCRIPTION} characters.")
    return text


def flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Must be true or false.")
    return value


NEW: dict[str, json_members.Reader] = {
    "url": json_members.text,
    "events": json_members.texts,
    "description": description,
}
CHANGE = NEW | {"active": flag}


class WebhooksView(ApiView):
    """The endpoints of the account."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT, "POST": Scope.ACCOUNT}

    @extend_schema(**schema_webhooks.LIST_ENDPOINTS)
    def get(self, request: Request) -> Response:
        """Give the account's endpoints, the oldest first; never a secret."""
        return Response({"webhooks": [document(row) for row in endpoints.endpoints_of(account_of(request))]})

    @extend_schema(**schema_webhooks.ADD_ENDPOINT)
    def post(self, request: Request) -> Response:
        """Add an endpoint.  Its secret is in this answer only."""
        try:
            return once(self, request, lambda: add(request))
        except FeatureDisabled as refusal:
            return refused(HTTPStatus.FORBIDDEN, str(refusal), "DISABLED_IN_ACCOUNT_CONFIG")
        except TooManyEndpoints:
            return refused(HTTPStatus.CONFLICT, f"An account has at most {endpoints.MOST} endpoints.", "TOO_MANY")


class WebhookView(ApiView):
    """One endpoint."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT, "PATCH": Scope.ACCOUNT, "DELETE": Scope.ACCOUNT}

    @extend_schema(**schema_webhooks.LOOK_AT_ENDPOINT)
    def get(self, request: Request, webhook_id: UUID) -> Response:
        """Tell about an endpoint."""
        return Response(document(endpoint_of(request, webhook_id)))

    @extend_schema(**schema_webhooks.CHANGE_ENDPOINT)
    def patch(self, request: Request, webhook_id: UUID) -> Response:
        """Change what is said; `active` switches it off, or on again with what it missed."""
        endpoint = endpoint_of(request, webhook_id)
        asked = json_members.read_object(request, CHANGE)
        with faults_by_member():
            endpoints.change(
                endpoint=endpoint,
                url=asked.get("url", endpoint.url),
                events=asked.get("events", endpoint.events),
                description=asked.get("description", endpoint.description),
                actor=key_of(request),
            )
        is_active = endpoint.state == WebhookState.ACTIVE
        if asked.get("active", is_active) != is_active:
            switch = endpoints.disable if is_active else endpoints.enable
            switch(endpoint=endpoint, actor=key_of(request))
        return Response(document(endpoint))

    @extend_schema(**schema_webhooks.REMOVE_ENDPOINT)
    def delete(self, request: Request, webhook_id: UUID) -> Response:
        """Remove an endpoint with its deliveries."""
        endpoints.remove(endpoint=endpoint_of(request, webhook_id), actor=key_of(request))
        return Response(status=HTTPStatus.NO_CONTENT)


class SecretView(ApiView):
    """The secret of an endpoint."""

    scopes: ClassVar = {"POST": Scope.ACCOUNT}

    @extend_schema(**schema_webhooks.RENEW_SECRET)
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Give an endpoint a new secret, in this answer only; the one before signs along with it for a day."""
        endpoint = endpoint_of(request, webhook_id)
        return once(self, request, lambda: renewed(endpoints.rotate(endpoint=endpoint, actor=key_of(request))))


class NotificationSecretView(ApiView):
    """The secret that signs what jobs have sent by `notification`."""

    scopes: ClassVar = {"POST": Scope.ACCOUNT}

    @extend_schema(**schema_webhooks.RENEW_NOTIFICATION_SECRET)
    def post(self, request: Request) -> Response:
        """Make a new secret, in this answer only; the one before signs along with it for a day."""
        account, actor = account_of(request), key_of(request)
        return once(self, request, lambda: renewed(endpoints.rotate_notifications(account=account, actor=actor)))


class TestView(ApiView):
    """A message without notifications."""

    scopes: ClassVar = {"POST": Scope.ACCOUNT}

    @extend_schema(**schema_webhooks.SEND_TEST)
    def post(self, request: Request, webhook_id: UUID) -> Response:
        """Send a test to an endpoint; what becomes of it is among the deliveries."""
        delivery = endpoints.send_test(endpoint=endpoint_of(request, webhook_id))
        delivery.refresh_from_db()
        return Response(delivery_document(delivery), status=HTTPStatus.ACCEPTED)


class DeliveriesView(ApiView):
    """What was sent, and is to be."""

    scopes: ClassVar = {"GET": Scope.ACCOUNT}

    @extend_schema(**schema_webhooks.LIST_DELIVERIES)
    def get(self, request: Request) -> Response:
        """Give the deliveries of the account's endpoints and of its jobs' own, the newest first."""
        limit = query.number(request, "limit", default=LIMIT, least=1, most=LIMIT)
        found = endpoints.deliveries_of(account_of(request))
        found = found.filter(state__in=query.some_of(request, "state", choices=DeliveryState.values))
        for name, column in (("webhook", "endpoint"), ("job", "endpoint__job")):
            number = uuid_of(request, name)
            found = found.filter(**{column: number}) if number else found
        behind = query.behind(request, of=LIST)
        if behind is not None:
            moment, number = behind
            found = found.filter(Q(created_at__lt=moment) | Q(created_at=moment, pk__lt=number))
        rows = list(found[: limit + 1])
        last = rows[limit - 1] if len(rows) > limit else None
        more = query.next_url(request, [last.created_at.isoformat(), last.pk], of=LIST) if last else None
        return Response({"deliveries": [delivery_document(row) for row in rows[:limit]], "next": more})


class ReplayView(ApiView):
    """A delivery once more."""

    scopes: ClassVar = {"POST": Scope.ACCOUNT}

    @extend_schema(**schema_webhooks.REPLAY)
    def post(self, request: Request, delivery_id: UUID) -> Response:
        """Send a delivery again at once, with all its tries before it."""
        delivery = endpoints.deliveries_of(account_of(request)).filter(pk=delivery_id).first()
        if delivery is None:
            raise Http404
        try:
            is_sent = endpoints.replay(delivery=delivery, actor=key_of(request))
        except endpoints.SwitchedOff as error:
            return refused(HTTPStatus.CONFLICT, str(error), "WRONG_STATUS")
        if not is_sent:
            return refused(HTTPStatus.CONFLICT, "It is on its way at this moment.", "WRONG_STATUS")
        delivery.refresh_from_db()
        return Response(delivery_document(delivery), status=HTTPStatus.ACCEPTED)


def add(request: Request) -> Done:
    asked = json_members.read_object(request, NEW, required=("url",))
    with faults_by_member():
        endpoint, secret = endpoints.create(
            account=account_of(request),
            url=asked["url"],
            events=asked.get("events", []),
            description=asked.get("description", ""),
            actor=key_of(request),
        )
    shown = document(endpoint)
    return Done(HTTPStatus.CREATED, shown | {"secret": secret}, kept=shown | {"secret": None})


def refused(status: HTTPStatus, detail: str, code: str) -> Response:
    return Response(problem(status, detail, code=code), status=status, content_type=PROBLEM)


def renewed(secret: str) -> Done:
    return Done(HTTPStatus.OK, {"secret": secret}, kept={"secret": None})


def endpoint_of(request: Request, webhook_id: UUID) -> WebhookEndpoint:
    found = endpoints.endpoints_of(account_of(request)).select_related("account").filter(pk=webhook_id).first()
    if found is None:
        raise Http404
    return found


def uuid_of(request: Request, name: str) -> UUID | None:
    text = query.text_of(request, name)
    if text is None:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise ValidationError({name: ["Must be a UUID."]}) from None


@contextmanager
def faults_by_member() -> Iterator[None]:
    """Tell what is wrong with an endpoint by the member that says it."""
    try:
        yield
    except UrlUnfit as fault:
        raise ValidationError({"url": [str(fault)]}) from fault
    except EventsUnfit as fault:
        raise ValidationError({"events": [str(fault)]}) from fault


def document(row: WebhookEndpoint) -> dict[str, Any]:  # Any: JSON
    return {
        "id": str(row.pk),
        "url": row.url,
        "description": row.description,
        "events": row.events or list(EventType.values),
        "active": row.state == WebhookState.ACTIVE,
        "fault": row.fault or None,
        "failingSinceTs": timestamp(row.failing_since),
        "createdTs": timestamp(row.created_at),
    }


def delivery_document(row: WebhookDelivery) -> dict[str, Any]:  # Any: JSON
    endpoint, event = row.endpoint, row.event
    return {
        "id": str(row.pk),
        "webhookId": str(endpoint.pk) if endpoint.job_id is None else None,
        "jobId": str(event.job_id) if event else None,
        "event": event.type if event else None,
        "firstSeq": row.first_seq if event else None,
        "lastSeq": row.last_seq if event else None,
        "state": row.state,
        "tries": [
            {"ts": tried["at"], "status": tried["status"] or None, "error": tried["error"] or None, "ms": tried["ms"]}
            for tried in row.log
        ],
        "nextTryTs": timestamp(row.due_at) if row.state == DeliveryState.PENDING else None,
        "createdTs": timestamp(row.created_at),
    }
