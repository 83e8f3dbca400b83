from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.domain import quota
from tests.factories import make_account, make_key
from tests.verification.factories import make_list, owner_of
from verification.models import PendingTally

pytestmark = pytest.mark.django_db


def test_a_new_account_is_told_how_to_begin(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    page = client.get(reverse("dashboard", args=[account.slug]))
    assert (page.context["is_new"], "Three steps to begin" in page.text) == (True, True)


def test_sums_come_from_tallies_in_few_queries(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    account = make_account()
    quota.ensure_period(account_id=account.pk)
    key = make_key(account)[0]
    make_list(account=account)
    day = timezone.now().date()
    whose = {"account": account, "day": day, "source": "live", "provider": "google"}
    PendingTally.objects.create(key=key, result="Ok", reason="Success", blame="none", count=4, charged=4, **whose)
    for blame, count in (("our_address", 1), ("their_outage", 2)):
        PendingTally.objects.create(
            result="RetryLater", reason="TransientNetworkFault", blame=blame, count=count, **whose
        )
    client.force_login(owner_of(account))
    with django_assert_num_queries(9):
        page = client.get(reverse("dashboard", args=[account.slug]))
    sums = page.context["sums"]
    (share,) = sums.providers
    assert [count for _, _, count in page.context["totals"]] == [4, 0, 3, 0]
    assert (share.total, share.undecided, share.blame) == (7, 3, "their_outage")
    assert page.context["keys"] == [("A key", 4, 4), ("These pages", 3, 0)]
    assert len(page.context["jobs"]) == 1
