from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.db.models import F
from pytest_django import Settings

from accounts.domain import access, quota
from accounts.domain.quota_notices import Low, are_due, low, note, send_due
from accounts.models import Account, QuotaNotice, QuotaPeriod, Role, User
from tests.factories import MADE_AT, make_account, make_member, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return make_account("Ada & Co", monthly_quota=100)


def use(account: Account, amount: int, entry: str = "use") -> None:
    quota.reserve(account_id=account.pk, amount=amount, reference=entry)
    quota.settle(reference=entry, used=amount, released=0, entry=entry)


def noted(account: Account) -> list[tuple[int, int, int]]:
    return list(QuotaNotice.objects.filter(account=account).order_by("pk").values_list("share", "left", "full"))


def test_notices_come_once_at_ten_and_at_five_percent(account: Account) -> None:
    use(account, 89, "a")
    assert note() == 0
    use(account, 1, "b")
    assert [note(), note()] == [1, 0]
    use(account, 4, "c")
    assert note() == 0
    use(account, 1, "d")
    assert [note(), note()] == [1, 0]
    use(account, 5, "e")
    assert note() == 0
    assert noted(account) == [(10, 10, 100), (5, 5, 100)]


def test_one_notice_where_both_are_passed_at_once(account: Account) -> None:
    use(account, 97)
    assert (note(), noted(account)) == (1, [(5, 3, 100)])


def test_what_is_set_aside_is_not_left(account: Account) -> None:
    quota.reserve(account_id=account.pk, amount=95, reference="job")
    assert (note(), noted(account)) == (1, [(5, 5, 100)])
    quota.close(reference="job", entry="back")
    quota.reserve(account_id=account.pk, amount=95, reference="again")
    assert note() == 0


def test_notices_come_again_after_a_grant_that_lifts_it(account: Account) -> None:
    use(account, 96)
    note()
    quota.grant(account=account, amount=100, actor=None, reason="more")
    use(account, 95, "b")
    assert note() == 1
    assert noted(account) == [(5, 4, 100), (5, 9, 200)]


def test_a_grant_that_does_not_lift_it_brings_no_second_notice(account: Account) -> None:
    use(account, 98)
    note()
    quota.grant(account=account, amount=1, actor=None, reason="little")
    assert note() == 0


def test_a_grant_that_lifts_it_half_brings_the_second_notice_again(account: Account) -> None:
    use(account, 96)
    note()
    quota.grant(account=account, amount=4, actor=None, reason="little")  # 8 of 104
    assert note() == 0
    use(account, 4, "b")
    assert note() == 1
    assert [share for share, *_ in noted(account)] == [5, 5]


def test_a_higher_monthly_quota_lifts_it_too(account: Account) -> None:
    use(account, 96)
    note()
    quota.set_monthly(account=account, amount=200, actor=None)
    assert note() == 0
    use(account, 90, "b")
    assert note() == 1
    assert noted(account)[-1] == (10, 14, 200)


def test_prepaid_checks_count(account: Account) -> None:
    quota.grant(account=account, amount=900, actor=None, reason="prepaid")
    use(account, 100, "a")
    assert note() == 0
    use(account, 799, "b")
    assert note() == 0  # the most that was prepaid is remembered, whatever is gone
    use(account, 1, "c")
    assert (note(), noted(account)) == (1, [(10, 100, 1000)])


def test_the_next_period_has_notices_of_its_own(account: Account) -> None:
    use(account, 96)
    note()
    QuotaPeriod.objects.update(starts_on=F("starts_on") - timedelta(days=62), ends_on=F("ends_on") - timedelta(days=62))
    use(account, 96, "b")
    assert (note(), len(noted(account))) == (1, 2)


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_nobody_is_told_of_an_account_that_does_not_work(account: Account, status: str) -> None:
    use(account, 96)
    Account.objects.update(status=status)
    assert note() == 0


def test_no_notice_without_any_quota() -> None:
    account = make_account(monthly_quota=0)
    quota.ensure_period(account_id=account.pk)
    assert note() == 0


def test_the_mail_goes_to_owners_and_admins(account: Account) -> None:
    owner = User.objects.get(memberships__account=account)
    admin = make_member(account, Role.ADMIN)
    gone = make_member(account, Role.ADMIN)
    User.objects.filter(pk=gone.pk).update(is_active=False)
    make_member(account, Role.MEMBER)
    make_member(make_account(), Role.ADMIN, user=make_user())
    use(account, 96)
    note()
    assert are_due()
    assert (send_due(), send_due(), are_due()) == (1, 0, False)
    assert [message.to for message in mail.outbox] == [[owner.email], [admin.email]]
    text = str(mail.outbox[0].body)
    assert mail.outbox[0].subject == "Ada & Co has 4 of 100 checks left"
    assert "5 % or less are left: 4 of 100." in text
    assert f"http://127.0.0.1:8000/a/{account.slug}/usage\n" in text
    assert QuotaNotice.objects.get().sent_at is not None


def test_the_mail_when_nothing_is_left(account: Account) -> None:
    use(account, 100)
    note()
    send_due()
    assert mail.outbox[0].subject == "Ada & Co has no checks left"
    assert "used or set aside all of its 100 checks" in str(mail.outbox[0].body)


def test_a_mail_that_cannot_be_sent_is_tried_again(account: Account, settings: Settings) -> None:
    use(account, 96)
    note()
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1
    assert (send_due(), are_due()) == (0, False)
    settings.EMAIL_BACKEND = backend
    QuotaNotice.objects.update(due_at=MADE_AT)
    assert (send_due(), len(mail.outbox)) == (1, 1)
    QuotaNotice.objects.update(due_at=MADE_AT, sent_at=None, tries=5)
    assert (are_due(), send_due()) == (False, 0)


@pytest.mark.parametrize(
    ("used", "expected"), [(0, None), (89, None), (90, Low(10, 10, 100)), (95, Low(5, 5, 100)), (100, Low(5, 0, 100))]
)
def test_low(account: Account, used: int, expected: Low | None) -> None:
    if used:
        use(account, used)
    owner = User.objects.get(memberships__account=account)
    assert low(access.account_for(user=owner, slug=account.slug)) == expected


def test_low_with_prepaid_checks(account: Account) -> None:
    quota.grant(account=account, amount=900, actor=None, reason="prepaid")
    use(account, 960)
    owner = User.objects.get(memberships__account=account)
    assert low(access.account_for(user=owner, slug=account.slug)) is None  # nothing looked at the 900 yet
    QuotaPeriod.objects.update(prepaid_most=900)
    assert low(access.account_for(user=owner, slug=account.slug)) == Low(5, 40, 1000)
