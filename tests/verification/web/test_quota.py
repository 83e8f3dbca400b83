from __future__ import annotations

import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.domain import quota
from accounts.models import Account, Role
from tests.factories import make_account, make_key, make_member
from tests.verification.factories import owner_of
from verification.domain.forecast import Forecast
from verification.models import PendingTally
from verification.web.quota_views import words_of

pytestmark = pytest.mark.django_db
ANEW = "The month's quota begins anew on"
TODAY = timezone.now().date()


@pytest.fixture
def account() -> Account:
    return make_account(monthly_quota=1_000)


def text_of(client: Client, account: Account, name: str = "quota") -> str:
    page = client.get(reverse(name, args=[account.slug]))
    assert page.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


def count(account: Account, day: date, charged: int) -> None:
    PendingTally.objects.create(
        account=account,
        key=make_key(account)[0],
        day=day,
        source="live",
        result="Ok",
        reason="Success",
        blame="none",
        count=charged + 1,
        charged=charged,
    )


@pytest.mark.parametrize("role", Role)
def test_everybody_sees_how_the_quota_stands(client: Client, account: Account, role: Role) -> None:
    quota.grant(account=account, amount=50, actor=None, reason="prepaid")
    quota.reserve(account_id=account.pk, amount=100, reference="job")
    quota.settle(reference="job", used=40, released=0, entry="part")
    client.force_login(owner_of(account) if role == Role.OWNER else make_member(account, role))
    text = text_of(client, account)
    assert "950 checks left Nothing was used in the last seven days. The month's quota begins anew on" in text
    assert "This month's quota 1,000 Used of it 40 Set aside for lists at work 60 Prepaid, does not lapse 50" in text


def test_what_was_used_by_day_and_key(client: Client, account: Account) -> None:
    client.force_login(owner_of(account))
    count(account, TODAY, 1_234)
    count(account, TODAY - timedelta(days=3), 617)
    count(account, TODAY - timedelta(days=30), 5)
    count(make_account(), TODAY, 77)
    page = client.get(reverse("quota", args=[account.slug]))
    bars = page.context["bars"]
    assert [len(bars), *bars[-1:], *bars[-4:-3]] == [30, (TODAY, 1_234, 100), (TODAY - timedelta(days=3), 617, 50)]
    assert sorted(page.context["by_key"]) == [("A key", 618, 617), ("A key", 1_235, 1_234)]


def test_one_and_many_rows_cost_the_same(
    client: Client, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(owner_of(account))
    quota.ensure_period(account_id=account.pk)
    for days in (0, 1, 2):
        count(account, TODAY - timedelta(days=days), 5)
        with django_assert_num_queries(10):
            client.get(reverse("quota", args=[account.slug]))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            Forecast(9, date(2026, 11, 27)),
            f"At this pace it lasts until Friday, 27 November. {ANEW}",
        ),
        (Forecast(9, date(2026, 11, 25)), f"At this pace it does not last the day. {ANEW}"),
        (Forecast(9, None), "At this pace it lasts beyond"),
        (Forecast(0, None), f"Nothing was used in the last seven days. {ANEW}"),
    ],
)
def test_words_of_a_forecast(found: Forecast, words: str) -> None:
    text = words_of(found, ends_on=date(2026, 12, 1), today=date(2026, 11, 25))
    assert text.startswith(f"{words} Tuesday, 1 December")


@pytest.mark.parametrize(
    ("used", "words"), [(899, None), (900, "100 of 1,000 checks are left."), (1_000, "No checks are left.")]
)
def test_each_page_says_that_little_is_left(client: Client, account: Account, used: int, words: str | None) -> None:
    quota.reserve(account_id=account.pk, amount=used, reference="job")
    client.force_login(owner_of(account))
    for name in ("quota", "lists", "team", "keys", "features"):
        assert (f"{words} How long will it last?" in text_of(client, account, name)) == (words is not None)
