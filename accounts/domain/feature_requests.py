"""Customers ask for a feature or a higher limit; staff get a mail and a row to answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from accounts.domain.config import steered_fields
from accounts.models import Account, FeatureRequest, User

A_DAY = 5  # requests of one account
STAFF_AT_MOST = 20  # who get the mail

logger = logging.getLogger(__name__)


class UnknownFeature(Exception):
    """There is no such field in the config."""


class AskedAlready(Exception):
    """The same wish is still open."""


class TooManyRequests(Exception):
    """The account asked for as much as it may within a day."""


def ask_for(*, account: Account, user: User, feature: str, note: str, now: datetime) -> FeatureRequest:
    """Note a wish and tell staff by mail.  Raises UnknownFeature, AskedAlready, TooManyRequests."""
    if feature not in {field.name for field in steered_fields()}:
        raise UnknownFeature(feature)
    with transaction.atomic():
        Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # counts under a lock
        asked = FeatureRequest.objects.filter(account=account)
        if asked.filter(feature=feature, answered_at=None).exists():
            raise AskedAlready
        if asked.filter(created_at__gt=now - timedelta(days=1)).count() >= A_DAY:
            raise TooManyRequests
        request = FeatureRequest.objects.create(
            account=account, feature=feature, note=" ".join(note.split())[:500], requested_by=user, created_at=now
        )
        transaction.on_commit(partial(tell_staff, request))
    return request


def tell_staff(request: FeatureRequest) -> None:
    """Send the mail; the row is there in any case."""
    staff = User.objects.filter(is_staff=True, is_active=True).order_by("pk").values_list("email", flat=True)
    to = settings.STAFF_MAIL or list(staff[:STAFF_AT_MOST])
    label = request.feature.replace("_", " ")
    mail = EmailMessage(
        subject=" ".join(f"{request.account.name} asks for: {label}".split()),
        body=f"{request.requested_by} of the account {request.account} asks for “{label}”.\n\n"
        f"{request.note or 'Nothing was added.'}\n\n"
        f"{settings.PUBLIC_URL}/admin/accounts/featurerequest/{request.pk}/change/\n",
        to=to,
    )
    try:
        mail.send()
    except OSError:  # smtplib's errors are of this kind, too
        logger.exception("no mail to staff about request %s", request.pk)


def answer(*, requests: Iterable[FeatureRequest], actor: User, now: datetime) -> int:
    """Close open wishes; gives how many were open."""
    numbers = [request.pk for request in requests]
    return FeatureRequest.objects.filter(pk__in=numbers, answered_at=None).update(answered_at=now, answered_by=actor)
