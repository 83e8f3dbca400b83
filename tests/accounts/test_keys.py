from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.domain import access, keys
from accounts.domain.refusals import KeyMalformed
from accounts.models import KeyKind, LicenseKey
from portal.logs import scrub
from tests.factories import make_account, make_key, make_user

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(days=400)
GOOD = "evp_live_xkaxfzkjktanhn2apttiy3daojdhf3nper7k26"


@pytest.mark.parametrize(("kind", "prefix"), [(KeyKind.LIVE, "evp_live_"), (KeyKind.SANDBOX, "evp_test_")])
def test_new_secret_has_the_right_format(kind: KeyKind, prefix: str) -> None:
    secret = keys.new_secret(kind)
    assert (secret[:9], len(secret)) == (prefix, 9 + 32 + 6)
    keys.check_format(secret)


def test_new_secrets_differ() -> None:
    assert len({keys.new_secret(KeyKind.LIVE) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "evp_live_",
        GOOD[:-1],
        GOOD + "a",
        GOOD + "\n",
        GOOD.upper(),
        GOOD.replace("evp_live_", "evp_test_"),
        GOOD.replace("evp_live_", "evp_prod_"),
        GOOD[:9] + "1" + GOOD[10:],  # no base32 character
        GOOD[:10] + "é" + GOOD[11:],
        "\udc80" * 47,
        "a" * 1_000_000,
    ],
)
def test_check_format_refuses(secret: str) -> None:
    with pytest.raises(KeyMalformed):
        keys.check_format(secret)


def test_check_format_sees_every_single_typing_error() -> None:
    for place in range(9, len(GOOD)):
        typo = GOOD[:place] + ("a" if GOOD[place] != "a" else "b") + GOOD[place + 1 :]
        with pytest.raises(KeyMalformed):
            keys.check_format(typo)


@pytest.mark.django_db
def test_create_key_keeps_no_secret() -> None:
    account, actor = make_account(), make_user()
    made, secret = keys.create_key(
        account=account, name=" CRM  live ", kind=KeyKind.LIVE, actor=actor, now=NOW, expires_at=LATER
    )
    key = LicenseKey.objects.get(pk=made.pk)
    assert (key.account, key.name, key.kind, key.created_by) == (account, "CRM live", "live", actor)
    assert (key.prefix, key.expires_at, key.revoked_at) == (secret[:13], LATER, None)
    assert bytes(key.digest) == keys.digest(secret) == hashlib.sha256(secret.encode()).digest()
    assert (key.scopes, key.allowed_networks) == (["verify", "jobs", "results"], [])


@pytest.mark.django_db
def test_create_key_with_rules() -> None:
    made, _ = make_key(
        scopes={"results", "verify"},
        allowed_networks=["192.0.2.77/24", "192.0.2.0/24", " 2001:db8::1 "],
    )
    key = LicenseKey.objects.get(pk=made.pk)
    assert key.scopes == ["verify", "results"]
    assert key.allowed_networks == ["192.0.2.0/24", "2001:db8::1/128"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "a\0b"),
        ("name", "x" * 101),
        ("scopes", []),
        ("scopes", ["verify", "cook"]),
        ("allowed_networks", ["192.0.2.0/33"]),
        ("allowed_networks", [""]),
        ("allowed_networks", ["example.com"]),
        ("allowed_networks", [f"192.0.2.{n}" for n in range(51)]),
        ("monthly_cap", 0),
        ("calls_per_minute", 1_000_000_001),
        ("expires_at", NOW),
    ],
)
def test_create_key_refuses(field: str, value: Any) -> None:  # Any: of the field
    rules: dict[str, Any] = {"account": make_account(), "name": "CRM", "kind": KeyKind.LIVE, "actor": None, "now": NOW}
    with pytest.raises(keys.KeyFaulty) as fault:
        keys.create_key(**rules | {field: value})
    assert fault.value.field == field
    assert not LicenseKey.objects.exists()


@pytest.mark.django_db
def test_an_account_has_a_bounded_number_of_keys() -> None:
    account = make_account(license_keys=2)
    make_key(account, revoked_at=NOW)
    make_key(account, expires_at=NOW)
    make_key()
    first, _ = make_key(account)
    make_key(account)
    with pytest.raises(keys.TooManyKeys):
        make_key(account)
    keys.revoke(key=first, actor=None, now=NOW)
    make_key(account)


@pytest.mark.django_db
def test_keys_of_an_account_newest_first() -> None:
    account = make_account()
    old, new, over = make_key(account)[0], make_key(account)[0], make_key(account, revoked_at=NOW)[0]
    make_key()
    assert list(keys.keys_of(account=account)) == [over, new, old]
    assert list(keys.keys_of(account=account).in_force()) == [new, old]
    assert list(keys.keys_of(account=account).over()) == [over]


@pytest.mark.django_db
def test_change_key() -> None:
    key, secret = make_key()
    rules: dict[str, Any] = {"name": "New", "scopes": ["jobs"], "allowed_networks": ["::/0"]}
    rules |= {"monthly_cap": 500, "calls_per_minute": 60}
    keys.change_key(key=key, actor=None, expires_at=LATER, now=NOW, **rules)
    stored = LicenseKey.objects.get(pk=key.pk)
    for one in (key, stored):
        assert (one.name, one.scopes, one.allowed_networks) == ("New", ["jobs"], ["::/0"])
        assert (one.monthly_cap, one.calls_per_minute) == (500, 60)
        assert one.expires_at == LATER
    assert access.authenticate(secret=secret, client="2001:db8::1") == key


@pytest.mark.django_db
def test_rotation_lets_two_secrets_in_until_the_moment() -> None:
    key, first = make_key()
    now = timezone.now()
    second = keys.rotate(key=key, actor=None, old_until=now + timedelta(hours=1), now=now)
    assert (key.prefix, key.previous_prefix) == (second[:13], first[:13])
    assert [access.authenticate(secret=secret) for secret in (first, second)] == [key, key]
    LicenseKey.objects.update(previous_until=now)
    assert access.authenticate(secret=second) == key
    with pytest.raises(access.KeyExpired):
        access.authenticate(secret=first)


@pytest.mark.django_db
def test_a_further_rotation_ends_the_oldest_secret() -> None:
    key, first = make_key()
    now = timezone.now()
    second = keys.rotate(key=key, actor=None, old_until=now + timedelta(hours=1), now=now)
    third = keys.rotate(key=key, actor=None, old_until=now + timedelta(hours=1), now=now)
    assert [access.authenticate(secret=secret) for secret in (second, third)] == [key, key]
    with pytest.raises(access.KeyUnknown):
        access.authenticate(secret=first)


@pytest.mark.django_db
@pytest.mark.parametrize("old_until", [None, NOW])
def test_rotation_without_overlap_ends_the_old_secret_at_once(old_until: datetime | None) -> None:
    key, first = make_key()
    second = keys.rotate(key=key, actor=None, old_until=old_until, now=NOW)
    assert access.authenticate(secret=second) == key
    with pytest.raises(access.KeyUnknown):
        access.authenticate(secret=first)


@pytest.mark.django_db
def test_the_old_secret_can_be_ended_early() -> None:
    key, first = make_key()
    now = timezone.now()
    keys.rotate(key=key, actor=None, old_until=now + timedelta(hours=1), now=now)
    keys.end_previous(key=key, actor=None)
    assert not key.has_two_secrets(now)
    with pytest.raises(access.KeyUnknown):
        access.authenticate(secret=first)


@pytest.mark.django_db
def test_a_rotation_that_is_sent_twice_is_done_once() -> None:
    key, first = make_key()
    now = timezone.now()
    later = now + timedelta(hours=1)
    second = keys.rotate(key=key, actor=None, old_until=later, now=now, prefix=first[:13])
    with pytest.raises(keys.KeyMoved):
        keys.rotate(key=key, actor=None, old_until=later, now=now, prefix=first[:13])
    assert [access.authenticate(secret=secret) for secret in (first, second)] == [key, key]


@pytest.mark.django_db
def test_rotation_refuses_a_long_overlap() -> None:
    key, first = make_key()
    with pytest.raises(keys.KeyFaulty) as fault:
        keys.rotate(key=key, actor=None, old_until=NOW + timedelta(days=91), now=NOW)
    assert fault.value.field == "old_until"
    assert access.authenticate(secret=first) == key


@pytest.mark.django_db
@pytest.mark.parametrize("over", [{"revoked_at": NOW}, {"expires_at": NOW}])
def test_a_key_that_is_over_is_not_touched(over: Any) -> None:
    key, _ = make_key(**over)
    before = key.prefix
    with pytest.raises(keys.KeyOver):
        keys.rotate(key=key, actor=None, old_until=None, now=NOW)
    key.refresh_from_db()
    assert key.prefix == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"scopes": []},
        {"scopes": ["cook"]},
        {"previous_until": NOW},
        {"previous_digest": F("digest"), "previous_until": NOW},
    ],
)
def test_constraints(values: dict[str, Any]) -> None:  # Any: of a column
    make_key()
    with pytest.raises(IntegrityError), transaction.atomic():
        LicenseKey.objects.update(**values)


@pytest.mark.django_db
def test_the_database_takes_networks_only() -> None:
    make_key()
    with pytest.raises(DataError), transaction.atomic():
        LicenseKey.objects.update(allowed_networks=["here"])


@pytest.mark.django_db
def test_revoke_counts_once() -> None:
    first, second = make_user(), make_user()
    key, _ = make_key()
    keys.revoke(key=key, actor=first, now=NOW)
    keys.revoke(key=key, actor=second, now=NOW.replace(year=2027))
    key.refresh_from_db()
    assert (key.revoked_at, key.revoked_by) == (NOW, first)


def test_logs_show_no_more_than_the_prefix() -> None:
    assert scrub(f"k={GOOD}") == "k=…"
    assert scrub(f"key {GOOD}.") == f"key {GOOD[: keys.SHOWN_LENGTH]}…."


@pytest.mark.django_db
def test_a_key_bound_to_networks_is_let_in_from_there_only() -> None:
    key, secret = make_key(allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    for client in ("192.0.2.7", "2001:db8::1"):
        assert access.authenticate(secret=secret, client=client) == key
    for client in ("192.0.3.7", "2001:db9::1", ""):
        with pytest.raises(access.KeyNetwork):
            access.authenticate(secret=secret, client=client)


@pytest.mark.django_db
def test_where_a_key_was_used_from_is_noted() -> None:
    key, secret = make_key()
    access.authenticate(secret=secret, client="192.0.2.7")
    key.refresh_from_db()
    assert (key.last_used_from, key.last_used_at is not None) == ("192.0.2.7", True)
