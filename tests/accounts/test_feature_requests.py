from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from pytest_django import Settings

from accounts.domain import feature_requests
from accounts.models import Account, FeatureRequest
from tests.factories import make_account, make_staff

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
Captured = Callable[..., AbstractContextManager[Any]]  # Any: pytest-django's fixture


def ask(account: Account, feature: str = "antivirus", note: str = "", now: datetime = NOW) -> FeatureRequest:
    user = account.memberships.select_related("user").get().user
    return feature_requests.ask_for(account=account, user=user, feature=feature, note=note, now=now)


def test_staff_hear_of_a_wish(django_capture_on_commit_callbacks: Captured) -> None:
    staff, account = make_staff(), make_account("Acme\r\nBcc: all")
    with django_capture_on_commit_callbacks(execute=True):
        request = ask(account, note="we get\nattachments")

    (letter,) = mail.outbox
    assert (letter.to, letter.subject) == ([staff.email], "Acme Bcc: all asks for: antivirus")
    assert "we get attachments" in str(letter.body)
    assert f"/admin/accounts/featurerequest/{request.pk}/change/" in str(letter.body)


def test_the_setting_names_who_hears(settings: Settings, django_capture_on_commit_callbacks: Captured) -> None:
    settings.STAFF_MAIL = ["desk@example.com"]
    with django_capture_on_commit_callbacks(execute=True):
        ask(make_account())
    assert mail.outbox[0].to == ["desk@example.com"]


def test_a_mail_that_cannot_be_sent_fails_nobody(
    settings: Settings, django_capture_on_commit_callbacks: Captured
) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    make_staff()
    with django_capture_on_commit_callbacks(execute=True):
        ask(make_account())
    assert FeatureRequest.objects.count() == 1


def test_the_same_wish_is_kept_once_while_it_is_open() -> None:
    account, staff = make_account(), make_staff()
    request = ask(account)
    with pytest.raises(feature_requests.AskedAlready):
        ask(account)

    assert feature_requests.answer(requests=[request], actor=staff, now=NOW) == 1
    assert feature_requests.answer(requests=[request], actor=staff, now=NOW) == 0
    ask(account)


def test_five_wishes_a_day() -> None:
    account = make_account()
    for feature in ("antivirus", "uploads", "exports", "rows_per_upload", "addresses_per_job"):
        ask(account, feature)
    with pytest.raises(feature_requests.TooManyRequests):
        ask(account, "mailbox_probe")

    ask(make_account(), "mailbox_probe")
    ask(account, "mailbox_probe", now=NOW + timedelta(days=1))


@pytest.mark.parametrize("feature", ["teleport", "", "account", "id", "sending_domain"])
def test_what_is_no_feature(feature: str) -> None:
    with pytest.raises(feature_requests.UnknownFeature):
        ask(make_account(), feature)
