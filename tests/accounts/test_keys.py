from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from accounts.domain import keys
from accounts.domain.refusals import KeyMalformed
from accounts.models import KeyKind, LicenseKey
from portal.logs import scrub
from tests.factories import make_account, make_key, make_user

NOW = datetime(2026, 1, 2, tzinfo=UTC)
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
    made, secret = keys.create_key(account=account, name="CRM", kind=KeyKind.LIVE, actor=actor, expires_at=NOW)
    key = LicenseKey.objects.get(pk=made.pk)
    assert (key.account, key.name, key.kind, key.created_by) == (account, "CRM", "live", actor)
    assert (key.prefix, key.expires_at, key.revoked_at) == (secret[:13], NOW, None)
    assert bytes(key.digest) == keys.digest(secret) == hashlib.sha256(secret.encode()).digest()


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
