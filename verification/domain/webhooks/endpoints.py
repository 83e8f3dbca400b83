"""Which endpoints an account has: added, changed, their secrets renewed, switched off and on, removed; their log."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from accounts.domain import audit, outbox
from accounts.domain.audit import Action
from accounts.domain.config import config_of, require
from accounts.links import link_to
from accounts.models import Account, LicenseKey, User
from verification.domain import event_shapes
from verification.domain.sealing import Unreadable, seal, unseal
from verification.domain.webhooks.signing import new_secret
from verification.domain.webhooks.targets import read_url
from verification.models import (
    DeliveryState,
    EventType,
    Job,
    NotificationSecrets,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookState,
)

MOST = 10  # endpoints of an account
LONGEST_DESCRIPTION = 100
OVERLAP = timedelta(hours=24)  # that a renewed secret signs along with the new one
Actor = User | LicenseKey | None


class TooManyEndpoints(Exception):
    """The account has as many endpoints as it may."""


class EventsUnfit(ValueError):
    """A type of event that there is not."""


class SwitchedOff(Exception):
    """The endpoint of a delivery is disabled."""

    def __init__(self) -> None:
        super().__init__("Its webhook is switched off; switch it on first.")


@dataclass(frozen=True, slots=True)
class Notification:
    """Where a job wants its events sent (`notification.endPoint`), and what headers along with them."""

    url: str
    headers: Mapping[str, str]


def endpoints_of(account: Account) -> QuerySet[WebhookEndpoint]:
    return WebhookEndpoint.objects.of(account).order_by("created_at", "pk")


def create(
    *, account: Account, url: str, events: Sequence[str] = (), description: str = "", actor: Actor
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint; gives its secret, too.  Raises UrlUnfit, EventsUnfit, TooManyEndpoints, FeatureDisabled."""
    read_url(url)
    wanted = read_events(events)
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # counted under a lock
        require(config_of(account), "webhooks")
        if WebhookEndpoint.objects.of(account).count() >= MOST:
            raise TooManyEndpoints
        secret = new_secret()
        endpoint = WebhookEndpoint.objects.create(
            account=account,
            url=url,
            events=wanted,
            description=description[:LONGEST_DESCRIPTION],
            secret=seal(secret),
            created_by=actor if isinstance(actor, User) else None,
        )
        record(Action.WEBHOOK_ADDED, endpoint, actor, after=shown(endpoint))
    return endpoint, secret


def read_events(events: Sequence[str]) -> list[str]:
    """Give types of events in their order, none for all.  Raises EventsUnfit."""
    unknown = set(events) - set(EventType.values)
    if unknown:
        raise EventsUnfit(f"There are no events {', '.join(sorted(unknown))[:100]}.")
    wanted = [kind for kind in EventType.values if kind in events]
    return [] if len(wanted) == len(EventType.values) else wanted


@transaction.atomic
def change(*, endpoint: WebhookEndpoint, url: str, events: Sequence[str], description: str, actor: Actor) -> None:
    """Change where it is, what it gets, and its description.  Raises UrlUnfit, EventsUnfit."""
    read_url(url)
    before = shown(endpoint)
    endpoint.url, endpoint.events, endpoint.description = url, read_events(events), description[:LONGEST_DESCRIPTION]
    endpoint.save(update_fields=["url", "events", "description"])
    record(Action.WEBHOOK_CHANGED, endpoint, actor, before=before, after=shown(endpoint))


@transaction.atomic
def rotate(*, endpoint: WebhookEndpoint, actor: Actor) -> str:
    """Give a new secret; the old one signs along with it for a day."""
    secret = renew(endpoint)
    record(Action.WEBHOOK_CHANGED, endpoint, actor, reason="secret renewed")
    return secret


def renew(holder: WebhookEndpoint | NotificationSecrets) -> str:
    secret = new_secret()
    holder.previous_secret, holder.secret = holder.secret, seal(secret)
    holder.previous_until = Now() + OVERLAP
    holder.save(update_fields=["secret", "previous_secret", "previous_until"])
    return secret


@transaction.atomic
def disable(*, endpoint: WebhookEndpoint, actor: Actor) -> None:
    """Send nothing more; what happens meanwhile is kept for it as long as the events are."""
    endpoint.state, endpoint.fault = WebhookState.DISABLED, "Switched off by hand."
    endpoint.save(update_fields=["state", "fault"])
    record(Action.WEBHOOK_DISABLED, endpoint, actor)


@transaction.atomic
def enable(*, endpoint: WebhookEndpoint, actor: Actor) -> None:
    """Send again, what was missed first."""
    endpoint.state, endpoint.fault, endpoint.failing_since = WebhookState.ACTIVE, "", None
    endpoint.save(update_fields=["state", "fault", "failing_since"])
    endpoint.deliveries.filter(state=DeliveryState.PENDING, token=None).update(due_at=Now())
    record(Action.WEBHOOK_ENABLED, endpoint, actor)


@transaction.atomic
def remove(*, endpoint: WebhookEndpoint, actor: Actor) -> None:
    """Remove it with its deliveries."""
    record(Action.WEBHOOK_REMOVED, endpoint, actor, before=shown(endpoint))
    endpoint.delete()


def send_test(*, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send an empty message of a made-up job at once."""
    return WebhookDelivery.objects.create(endpoint=endpoint)


@transaction.atomic
def replay(*, delivery: WebhookDelivery, actor: Actor) -> bool:
    """Send a delivery again, with all its tries before it; False while it is on its way.

    A job's own endpoint that was disabled is switched on by that: there is no other way to.  Raises SwitchedOff where
    somebody can switch it on first.
    """
    endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=delivery.endpoint_id)
    if endpoint.state == WebhookState.DISABLED:
        if endpoint.job_id is None:
            raise SwitchedOff
        enable(endpoint=endpoint, actor=actor)
    ended = WebhookDelivery.objects.filter(pk=delivery.pk).exclude(state=DeliveryState.PENDING)
    waiting = WebhookDelivery.objects.filter(pk=delivery.pk, state=DeliveryState.PENDING, token=None)
    again: dict[str, Any] = {"state": DeliveryState.PENDING, "tries": 0, "due_at": Now()}  # Any: values
    return bool(ended.update(**again) or waiting.update(**again))


def deliveries_of(account: Account) -> QuerySet[WebhookDelivery]:
    """Give the log of an account: what its own endpoints and its jobs' got, the newest first."""
    of_account = WebhookDelivery.objects.filter(endpoint__account=account)
    # Not joined: events would be, all of them, before they are put in order.
    return of_account.prefetch_related("endpoint", "event").order_by("-created_at", "-pk")


def attach(*, job: Job, notification: Notification) -> WebhookEndpoint:
    """Have a job's events sent where it wants them; in the transaction that makes the job."""
    notification_secrets(job.account)
    headers = json.dumps(dict(notification.headers)) if notification.headers else None
    return WebhookEndpoint.objects.create(
        account=job.account,
        job=job,
        url=notification.url,
        secret=b"",  # the account's, see NotificationSecrets
        headers=seal(headers) if headers else None,
    )


def notification_secrets(account: Account) -> NotificationSecrets:
    """Give what signs the webhooks of an account's jobs, made when it is first needed."""
    found = NotificationSecrets.objects.filter(account=account).first()
    if found is not None:
        return found
    return NotificationSecrets.objects.get_or_create(account=account, defaults={"secret": seal(new_secret())})[0]


@transaction.atomic
def rotate_notifications(*, account: Account, actor: Actor) -> str:
    """Give a new secret for the webhooks of jobs; the old one signs along with it for a day."""
    secret = renew(notification_secrets(account))
    audit.record(action=Action.WEBHOOK_CHANGED, actor=actor, target=account, reason="secret of notifications renewed")
    return secret


def secret_of(holder: WebhookEndpoint | NotificationSecrets) -> str:
    """Give the secret in force, empty when it was sealed under another SECRET_KEY."""
    try:
        return unseal(holder.secret)
    except Unreadable:
        return ""


def test_message(account: Account, *, now: datetime) -> dict[str, Any]:  # Any: JSON
    """Give what a test sends: a message without notifications."""
    job = Job(account=account, id=UUID(int=0), created_at=now)
    return event_shapes.message(job, [])


def tell_disabled(*, endpoint_id: UUID) -> None:
    """Note that an endpoint was disabled by what it did, and have the account's owners and admins told.

    In a transaction of the caller's.
    """
    endpoint = WebhookEndpoint.objects.select_related("account").get(pk=endpoint_id)
    record(Action.WEBHOOK_DISABLED, endpoint, None, reason=endpoint.fault)
    outbox.tell_managers(
        account=endpoint.account,
        name="webhook_disabled",
        reference=f"webhook:{endpoint.pk}:{endpoint.failing_since}",
        url=endpoint.url,
        fault=endpoint.fault,
        link=link_to("home"),
    )


def shown(endpoint: WebhookEndpoint) -> dict[str, Any]:  # Any: JSON
    """Give what the audit log keeps."""
    return {
        "host": endpoint.host,
        "events": list(endpoint.events),
        "description": endpoint.description,
    }


def record(
    action: Action,
    endpoint: WebhookEndpoint,
    actor: Actor,
    *,
    reason: str = "",
    before: Mapping[str, Any] | None = None,  # Any: JSON
    after: Mapping[str, Any] | None = None,  # Any: JSON
) -> None:
    audit.record(
        action=action,
        actor=actor,
        target=endpoint,
        account=endpoint.account,
        reason=reason,
        before=before,
        after=after,
    )
