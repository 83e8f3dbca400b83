from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.domain import outbox
from accounts.models import Account, OutgoingMail, Role, User
from tests.factories import make_account, make_member

pytestmark = pytest.mark.django_db
WORDS = {
    "job": "customers.csv",
    "total": 1_200,
    "verdicts": [1_000, 100, 60, 40],
    "duplicate": 0,
    "link": "http://127.0.0.1:8000/a/x",
}


@pytest.fixture
def account() -> Account:
    return make_account("Ada & Co")


def tell(account: Account, reference: str = "it") -> None:
    outbox.tell_managers(account=account, name="job_done", reference=reference, **WORDS)


def test_owners_and_admins_are_told_once_each(account: Account) -> None:
    admin, gone = make_member(account, Role.ADMIN), make_member(account, Role.ADMIN)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    make_member(account, Role.MEMBER)
    owner = account.memberships.get(role=Role.OWNER).user
    tell(account)
    tell(account)
    assert mail.outbox == []
    assert (outbox.are_due(), outbox.send_due(), outbox.are_due(), outbox.send_due()) == (True, 2, False, 0)
    tell(account)
    assert outbox.send_due() == 0
    assert sorted(message.to[0] for message in mail.outbox) == sorted([owner.email, admin.email])
    assert list(OutgoingMail.objects.values_list("words", flat=True)) == [{}, {}]


def test_the_mail_has_both_parts(account: Account) -> None:
    tell(account)
    outbox.send_due()
    (message,) = mail.outbox
    assert message.subject == "customers.csv is done"
    assert message.extra_headers == {"Auto-Submitted": "auto-generated"}
    text = str(message.body)
    assert "All 1,200 rows of customers.csv (Ada & Co) have been worked on:\nGood: 1,000\nBad: 100\n" in text
    ((html, kind),) = message.alternatives  # type: ignore[attr-defined]
    assert kind == "text/html"
    assert "customers.csv (Ada &amp; Co)" in html
    assert 'href="http://127.0.0.1:8000/a/x"' in html


def test_a_dead_mail_server_is_tried_again_and_given_up(account: Account, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    tell(account)
    waits = []
    for _ in range(outbox.TRIES):
        assert outbox.send_due() == 0
        row = OutgoingMail.objects.annotate(now=Now()).get()
        waits.append(round((row.due_at - row.now).total_seconds() / 60))
        OutgoingMail.objects.update(due_at=Now())
    assert waits == [1, 5, 30, 120, 480, 480]
    assert not outbox.are_due()
    assert (outbox.send_due(), OutgoingMail.objects.get().tries, mail.outbox) == (0, outbox.TRIES, [])


def test_it_goes_out_once_the_mail_server_is_back(account: Account, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    tell(account)
    outbox.send_due()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert (outbox.are_due(), outbox.send_due()) == (False, 0)
    OutgoingMail.objects.update(due_at=Now())
    assert (outbox.send_due(), len(mail.outbox)) == (1, 1)


def test_nobody_is_told_what_is_no_more(account: Account) -> None:
    tell(account)
    assert (outbox.send_due({"job_done": lambda _: None}), mail.outbox, outbox.are_due()) == (0, [], False)


def test_rows_go_after_their_days(account: Account) -> None:
    tell(account)
    OutgoingMail.objects.update(created_at=Now() - timedelta(days=outbox.KEPT_DAYS, seconds=1))
    tell(account, "another")
    outbox.forget()
    assert list(OutgoingMail.objects.values_list("reference", flat=True)) == ["another"]
