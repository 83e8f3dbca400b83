from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account, Role
from tests.factories import make_account, make_key, make_member
from tests.verification.factories import finish, make_job, owner_of
from verification.domain import erasures
from verification.domain.sweeper import Sweeper
from verification.models import Erasure

pytestmark = pytest.mark.django_db


def erase(client: Client, account: Account, email: str) -> int:
    return client.post(reverse("erase", args=[account.slug]), {"email": email}).status_code


def page(client: Client, account: Account) -> str:
    return client.get(reverse("erase", args=[account.slug])).content.decode()


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_an_address_is_erased_and_the_receipt_shown(client: Client, role: Role) -> None:
    job = finish(make_job(["jane@ok.test", "joe@ok.test"], account=make_account(retention_days=7)))
    person = owner_of(job.account) if role == Role.OWNER else make_member(job.account, role)
    client.force_login(person)
    assert erase(client, job.account, " Jane <jane@ok.test> ") == 302
    assert "At work" in page(client, job.account)
    Sweeper().erase()
    shown = page(client, job.account)
    assert f"<td>{person.email}</td>" in shown
    assert "Done" in shown
    assert Erasure.objects.get().hash[:12] in shown
    assert "addresses go 7 days after" in shown
    assert "jane" not in shown
    assert list(job.checks.order_by("position").values_list("address", flat=True)) == ["(erased)", "joe@ok.test"]
    rows = client.get(reverse("job", args=[job.account.slug, job.pk])).content.decode()
    assert "Erased on request" in rows


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_others_of_the_account_may_not(client: Client, role: Role) -> None:
    account = make_account()
    client.force_login(make_member(account, role))
    assert (erase(client, account, "jane@ok.test"), Erasure.objects.exists()) == (403, False)
    assert client.get(reverse("erase", args=[account.slug])).status_code == 403


def test_strangers_find_nothing(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(make_account()))
    assert (erase(client, account, "jane@ok.test"), Erasure.objects.exists()) == (404, False)


@pytest.mark.parametrize("email", ["", "jane", "a b@ok.test", "x" * 501, "jane@ok.test\0"])
def test_what_is_no_address(client: Client, email: str) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    assert (erase(client, account, email), Erasure.objects.exists()) == (422, False)


def test_too_many_at_a_time(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasures, "MOST_OPEN", 0)
    account = make_account()
    client.force_login(owner_of(account))
    answer = client.post(reverse("erase", args=[account.slug]), {"email": "jane@ok.test"})
    assert (answer.status_code, "0 erasures are under way" in answer.content.decode()) == (422, True)


def test_receipts_of_keys_and_of_strangers(client: Client) -> None:
    key, _ = make_key()
    erasures.ask(account=key.account, email="jane@ok.test", actor=None, key=key)
    other = erasures.ask(account=make_account(), email="jane@ok.test", actor=None)
    client.force_login(owner_of(key.account))
    shown = page(client, key.account)
    assert f"key {key.name}" in shown
    assert other.hash[:12] not in shown
