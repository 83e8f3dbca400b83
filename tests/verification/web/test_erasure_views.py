from __future__ import annotations

import re

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


def test_the_receipt_is_shown_downloaded_and_compared(client: Client) -> None:
    job = finish(make_job(["Jane@ok.test", "joe@ok.test"], account=make_account("The company")))
    owner = owner_of(job.account)
    client.force_login(owner)
    asked = client.post(reverse("erase", args=[job.account.slug]), {"email": "jane@ok.test"})
    receipt = reverse("erasure", args=[job.account.slug, Erasure.objects.get().pk])
    assert asked["Location"] == receipt
    assert 'hx-trigger="every 3s"' in client.get(receipt).content.decode()
    assert "not yet: still at work" in client.get(f"{receipt}/receipt.txt").content.decode()
    Sweeper().erase()
    done = Erasure.objects.get()
    assert "hx-trigger" not in client.get(receipt).content.decode()
    response = client.get(f"{receipt}/receipt.txt")
    assert response["Content-Disposition"] == f'attachment; filename="erasure-{done.pk}.txt"'
    lines = dict(re.findall(r"^([\w' ]{4,23}): +(.+)$", response.content.decode(), re.MULTILINE))
    assert lines == {
        "Receipt": str(done.pk),
        "Account": "The company",
        "Asked for": f"{done.requested_at:%Y-%m-%d %H:%M:%S} UTC",
        "Asked for by": owner.email,
        "Done": f"{done.done_at:%Y-%m-%d %H:%M:%S} UTC",
        "Hash of the address": done.hash,
        "Rows blanked": "1",
        "Mentions in other rows": "0",
        "Verdicts' evidence": "1",
        "Memories of it": "0",
        "Lists not started": "0",
    }
    for email, words, status in (
        ("JANE@ok.test", "Yes: this receipt is for that address.", 200),
        ("joe@ok.test", "No: this receipt is for another address.", 200),
        ("joe", "That cannot be compared", 422),
    ):
        answer = client.post(receipt, {"email": email})
        assert (answer.status_code, words in answer.content.decode()) == (status, True)


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.MEMBER, 403), (Role.VIEWER, 403)])
def test_receipts_are_for_those_who_may_erase(client: Client, role: Role, status: int) -> None:
    account = make_account()
    receipt = reverse("erasure", args=[account.slug, erasures.ask(account=account, email="a@ok.test", actor=None).pk])
    client.force_login(make_member(account, role))
    assert [client.get(path).status_code for path in (receipt, f"{receipt}/receipt.txt")] == [status, status]
    client.force_login(owner_of(make_account()))
    assert [client.get(path).status_code for path in (receipt, f"{receipt}/receipt.txt")] == [404, 404]


def test_whom_the_history_was_asked_for_is_filled_in(client: Client) -> None:
    account = make_account()
    client.force_login(owner_of(account))
    shown = client.get(reverse("erase", args=[account.slug]), {"email": "jane@ok.test"}).content.decode()
    assert 'value="jane@ok.test"' in shown
    assert f'href="/a/{account.slug}/checks?q=jane%40ok.test"' in shown
    assert not Erasure.objects.exists()


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
