from __future__ import annotations

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from accounts.domain import accounts, audit, config, keys, quota
from accounts.domain.audit import Action, Origin
from accounts.models import AccountConfig, AuditEntry, KeyKind, User
from tests.factories import PASSWORD, make_account, make_key, make_staff, make_user

pytestmark = pytest.mark.django_db


def newest() -> AuditEntry:
    return AuditEntry.objects.order_by("-pk")[0]


def changed() -> tuple[str, Any, Any]:  # Any: JSON
    entry = newest()
    return entry.action, entry.before, entry.after


def test_an_entry_says_who_what_where_and_why() -> None:
    staff, account = make_staff("ada@example.com"), make_account("Ada's")
    token = audit.origin.set(Origin("f00", "192.0.2.7"))
    audit.record(action=Action.ACCOUNT_CHANGED, actor=staff, target=account, reason="because", after={"name": "B"})
    audit.origin.reset(token)
    entry = newest()
    assert (entry.actor, entry.actor_label, entry.action) == (staff, "ada@example.com", "account.changed")
    assert (entry.object_type, entry.object_id, entry.object_label) == ("accounts.account", str(account.pk), "Ada's")
    assert (entry.account, entry.reason, entry.after) == (account, "because", {"name": "B"})
    assert (entry.request_id, entry.client_address) == ("f00", "192.0.2.7")


def test_what_acts_without_a_person_is_the_system() -> None:
    audit.record(action=Action.KEY_REVOKED, actor=None)
    assert (newest().actor, newest().actor_label, newest().object_type) == (None, "system", "")


def test_only_what_differs_is_kept_and_no_secret() -> None:
    before = {"name": "A", "kind": "live", "digest": "x", "password": "p"}
    after = {"name": "B", "kind": "live", "digest": "y", "password": "q"}
    audit.record(action=Action.KEY_CHANGED, actor=None, before=before, after=after)
    assert changed() == ("key.changed", {"name": "A"}, {"name": "B"})


def test_a_snapshot_holds_no_secret() -> None:
    key, _ = make_key()
    user = make_user()
    assert {"digest", "hash_key", "password"} & {
        *audit.snapshot(key),
        *audit.snapshot(key.account),
        *audit.snapshot(user),
    } == set()


@pytest.mark.parametrize("act", ["update", "delete"])
def test_entries_are_kept_as_they_are(act: str) -> None:
    audit.record(action=Action.KEY_REVOKED, actor=None)
    entries = AuditEntry.objects.all()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entries.update(reason="other") if act == "update" else entries.delete()
    assert entries.get().reason == ""


def test_entries_outlive_their_person() -> None:
    staff = make_staff("gone@example.com")
    audit.record(action=Action.KEY_REVOKED, actor=staff)
    number = staff.pk
    User.objects.filter(pk=number).delete()
    assert (newest().actor_id, newest().actor_label) == (number, "gone@example.com")


def test_keys_are_noted() -> None:
    key, secret = keys.create_key(account=make_account(), name="CRM", kind=KeyKind.LIVE, actor=None, now=timezone.now())
    assert changed()[0] == "key.made"
    assert secret not in str(newest().after)
    keys.revoke(key=key, actor=None, now=timezone.now())
    keys.revoke(key=key, actor=None, now=timezone.now())
    assert AuditEntry.objects.filter(action="key.revoked", account=key.account).count() == 1


def test_money_is_noted() -> None:
    account = make_account(monthly_quota=10)
    quota.grant(account=account, amount=5, actor=None, reason="a gift")
    assert (*changed(), newest().reason) == ("quota.granted", None, {"amount": 5, "balance": 5}, "a gift")
    quota.set_monthly(account=account, amount=20, actor=None, reason="grew")
    was, now = ({"monthly_quota": n, "granted_now": n} for n in (10, 20))
    assert changed() == ("quota.changed", was, now)


def test_a_status_is_noted_once_for_each_change() -> None:
    account, staff = make_account(), make_staff()
    accounts.suspend(account=account, actor=staff, reason="unpaid")
    assert (*changed(), newest().reason) == (
        "account.suspended",
        {"status": "active"},
        {"status": "suspended"},
        "unpaid",
    )
    accounts.suspend(account=account, actor=staff)
    accounts.resume(account=account, actor=staff)
    accounts.close(account=account, actor=staff)
    accounts.resume(account=account, actor=staff)
    noted = AuditEntry.objects.filter(account=account, action__startswith="account.").order_by("pk")
    assert [entry.action for entry in noted] == [
        *("account.opened", "account.suspended", "account.resumed", "account.closed")
    ]
    assert account.status == "closed"


def test_a_form_that_sets_the_status_is_noted_by_what_it_does() -> None:
    account = make_account("A")
    accounts.change(account=account, actor=None, name="A", status="active")
    assert newest().action == "account.opened"
    accounts.change(account=account, actor=None, name="B")
    assert changed() == ("account.changed", {"name": "A"}, {"name": "B"})
    accounts.change(account=account, actor=None, status="suspended")
    assert changed() == ("account.suspended", {"status": "active"}, {"status": "suspended"})


def test_config_is_noted_with_what_changed() -> None:
    row = AccountConfig.objects.get(account=make_account())
    row.uploads = False
    config.store(config=row, actor=None)
    assert changed() == ("config.changed", {"uploads": True}, {"uploads": False})
    number = newest().pk
    config.store(config=row, actor=None)
    assert newest().pk == number
    config.remove(config=row, actor=None)
    assert (newest().action, newest().account) == ("config.deleted", row.account)
    assert not AccountConfig.objects.exists()


def test_staff_who_sign_in_are_noted_with_their_address(client: Client) -> None:
    for person in (make_user("jane@example.com"), make_user("ada@example.com", is_staff=True)):
        client.logout()
        client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    (entry,) = AuditEntry.objects.all()
    assert (entry.action, entry.actor_label, entry.client_address) == (
        *("staff.signed_in", "ada@example.com"),
        "127.0.0.1",
    )
    assert len(entry.request_id) == 32


def test_second_factors_are_noted() -> None:
    factor = Authenticator(user=make_user(), type="totp", data={"secret": "JBSWY3DPEHPK3PXP"})
    for signal in (authenticator_added, authenticator_reset, authenticator_removed):
        signal.send(sender=Authenticator, request=None, user=factor.user, authenticator=factor)
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == [
        "second_factor.added",
        "second_factor.codes_renewed",
        "second_factor.removed",
    ]
    assert "JBSWY3DPEHPK3PXP" not in str([(e.before, e.after) for e in AuditEntry.objects.all()])
