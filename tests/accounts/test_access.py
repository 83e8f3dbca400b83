from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.domain import access
from accounts.domain.access import Permission
from accounts.models import Account, KeyKind, Role
from tests.factories import make_account, make_key, make_member, make_user

PAST = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.django_db
def test_authenticate_gives_the_key(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    key, secret = make_key(kind=KeyKind.SANDBOX, expires_at=timezone.now() + timedelta(hours=1))
    for queries in (2, 1):  # the first use is noted, at most once in five minutes
        with django_assert_num_queries(queries):
            found = access.authenticate(secret=secret)
            assert (found, found.account.name) == (key, key.account.name)
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert timezone.now() - key.last_used_at < timedelta(minutes=1)


@pytest.mark.parametrize("secret", [None, ""])
def test_authenticate_refuses_no_key(secret: str | None) -> None:
    with pytest.raises(access.KeyMissing):
        access.authenticate(secret=secret)


def test_authenticate_refuses_a_typing_error_without_a_query() -> None:
    with pytest.raises(access.KeyMalformed):
        access.authenticate(secret="evp_live_mistyped")


@pytest.mark.django_db
def test_authenticate_refuses_an_unknown_key() -> None:
    key, secret = make_key()
    key.delete()
    with pytest.raises(access.KeyUnknown):
        access.authenticate(secret=secret)


@pytest.mark.django_db
def test_authenticate_refuses_an_expired_key() -> None:
    _, secret = make_key(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(access.KeyExpired):
        access.authenticate(secret=secret)


@pytest.mark.django_db
def test_authenticate_refuses_a_revoked_key_whether_expired_or_not() -> None:
    _, secret = make_key(expires_at=PAST, revoked_at=PAST)
    with pytest.raises(access.KeyRevoked):
        access.authenticate(secret=secret)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [Account.Status.SUSPENDED, Account.Status.CLOSED])
def test_authenticate_refuses_a_disabled_account(status: str) -> None:
    _, secret = make_key(make_account(status=status))
    with pytest.raises(access.AccountDisabled):
        access.authenticate(secret=secret)


@pytest.mark.django_db
@pytest.mark.parametrize("status", [Account.Status.ACTIVE, Account.Status.SUSPENDED])
def test_account_for_a_member(status: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    account = make_account(status=status)
    member = make_member(account, Role.VIEWER)
    with django_assert_num_queries(1):
        membership = access.account_for(user=member, slug=account.slug)
        assert (membership.account, membership.role) == (account, "viewer")


@pytest.mark.django_db
def test_account_for_refuses_a_stranger() -> None:
    make_account(owner=(stranger := make_user()))
    with pytest.raises(access.NotAMember):
        access.account_for(user=stranger, slug=make_account().slug)


@pytest.mark.django_db
def test_account_for_refuses_an_unknown_account() -> None:
    with pytest.raises(access.NotAMember):
        access.account_for(user=make_user(), slug="nowhere")


@pytest.mark.django_db
def test_account_for_refuses_a_closed_account() -> None:
    account = make_account(owner=(owner := make_user()), status=Account.Status.CLOSED)
    with pytest.raises(access.NotAMember):
        access.account_for(user=owner, slug=account.slug)


LOOK = "view view_usage"
WORK = f"{LOOK} verify upload export manage_jobs"
MANAGE = f"{WORK} view_ledger manage_keys manage_webhooks manage_suppression manage_domains manage_team manage_account"


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.OWNER, f"{MANAGE} transfer_ownership close_account"),
        (Role.ADMIN, MANAGE),
        (Role.MEMBER, WORK),
        (Role.VIEWER, LOOK),
        ("cook", ""),
        ("", ""),
    ],
)
def test_may(role: str, allowed: str) -> None:
    assert [p.value for p in Permission if access.may(role, p)] == allowed.split()


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "license_key", "secret"),
    [
        ("", "", None),
        ("", " evp_a ", "evp_a"),
        ("Bearer evp_a", "", "evp_a"),
        ("bearer  evp_a ", "", "evp_a"),
        ("Bearer evp_a", "evp_a", "evp_a"),
        (basic("evp_a:"), "", "evp_a"),
        (basic("evp_a:x"), "", "evp_a"),
        (basic("api:evp_a"), "", "evp_a"),
        (basic("mistyped:"), "", "mistyped"),
        (basic(":"), "", None),
    ],
)
def test_secret_in(authorization: str, license_key: str, secret: str | None) -> None:
    assert access.secret_in(authorization=authorization, license_key=license_key) == secret


@pytest.mark.parametrize(
    ("authorization", "license_key"),
    [
        ("Bearer", ""),
        ("Digest evp_a", ""),
        ("evp_a", ""),
        ("Basic ", ""),
        ("Basic ???", ""),
        ("Basic /w==", ""),
        (basic("nocolon"), ""),
        ("Bearer evp_a", "evp_b"),
    ],
)
def test_secret_in_refuses(authorization: str, license_key: str) -> None:
    with pytest.raises(access.KeyMalformed):
        access.secret_in(authorization=authorization, license_key=license_key)
