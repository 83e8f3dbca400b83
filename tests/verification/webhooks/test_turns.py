"""Who is sent to next, when many wait."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.db.models.functions import Now

from accounts.models import Account
from tests.factories import make_account
from verification.domain.webhooks import deliveries
from verification.domain.webhooks.deliveries import Claimed
from verification.models import WebhookDelivery, WebhookEndpoint

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Account:
    return make_account()


def test_an_account_fills_its_own_share_only_and_who_has_least_under_way_is_next(account: Account) -> None:
    waiting(account, receivers=12, each=deliveries.AT_ONCE)
    assert of_whom(deliveries.claim(token=deliveries.new_token(), most=5)) == [account.pk] * 5
    other = make_account()
    waiting(other, receivers=1, each=2)
    claimed = of_whom(deliveries.claim(token=deliveries.new_token(), most=2))
    assert claimed == [other.pk] * 2
    claimed = of_whom(deliveries.claim(token=deliveries.new_token(), most=200))
    assert claimed == [account.pk] * (deliveries.OF_ACCOUNT - 5)


def test_who_fails_comes_last_and_leaves_half_of_the_share(account: Account) -> None:
    failing = waiting(account, receivers=15, each=2)
    WebhookEndpoint.objects.update(failing_since=Now())
    (healthy,) = waiting(account, receivers=1, each=2)
    claimed = deliveries.claim(token=deliveries.new_token(), most=2)
    assert {endpoint_of(one) for one in claimed} == {healthy}
    claimed = deliveries.claim(token=deliveries.new_token(), most=200)
    assert len(claimed) == deliveries.OF_ACCOUNT // 2 - 2
    assert len({endpoint_of(one) for one in claimed} & set(failing)) == len(claimed)


def waiting(account: Account, *, receivers: int, each: int) -> list[UUID]:
    """Give new endpoints with deliveries that are due."""
    made = [WebhookEndpoint(account=account, url="https://hooks.example.com/", secret=b"") for _ in range(receivers)]
    WebhookEndpoint.objects.bulk_create(made)
    WebhookDelivery.objects.bulk_create(WebhookDelivery(endpoint=one) for one in made for _ in range(each))
    return [one.pk for one in made]


def of_whom(claimed: list[Claimed]) -> list[int]:
    return [one.account_id for one in claimed]


def endpoint_of(claimed: Claimed) -> UUID:
    return WebhookDelivery.objects.get(pk=claimed.id).endpoint_id
