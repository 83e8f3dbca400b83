from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.domain import access, keys
from accounts.models import Account, AuditEntry, KeyKind, LicenseKey, Role, User
from tests.factories import make_account, make_key, make_member

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_static")]
ROLES = [Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER]
MANAGERS = (Role.OWNER, Role.ADMIN)
FORM = {"name": "CRM", "kind": "live", "scopes": ["verify", "jobs"], "allowed_networks": "192.0.2.7/24, 2001:db8::1"}
PAGES = ["key", "rotate_key", "revoke_key"]
Form = dict[str, Any]  # Any: of a test client


@pytest.fixture
def account() -> Account:
    return make_account("Ada & Co")


def owner_of(account: Account) -> User:
    return account.memberships.select_related("user").get(role=Role.OWNER).user


def person(account: Account, role: Role) -> User:
    return owner_of(account) if role == Role.OWNER else make_member(account, role)


@pytest.fixture
def owner(client: Client, account: Account) -> Client:
    client.force_login(owner_of(account))
    return client


def url(account: Account, name: str, key: LicenseKey | None = None) -> str:
    return reverse(name, args=[account.slug] if key is None else [account.slug, key.pk])


def codes(page: Any) -> list[str]:  # Any: Django's test response
    return re.findall(r'<code id="[\w-]+" class="secret">(.*?)</code>', page.text)


def refusals(page: Any) -> list[str]:  # Any: Django's test response
    (box,) = re.findall(r'<div class="refusal" role="alert">(.*?)</div>', page.text)
    return re.findall("<p>(.*?)</p>", box)


def messages(page: Any) -> list[str]:  # Any: Django's test response
    return re.findall(r'<li class="message[^"]*">(.*?)</li>', page.text)


@pytest.mark.parametrize("role", ROLES)
def test_owners_and_admins_look_after_keys(client: Client, account: Account, role: Role) -> None:
    key, _ = make_key(account)
    before = list(LicenseKey.objects.values())
    client.force_login(person(account, role))
    status = 200 if role in MANAGERS else 403
    for page in [url(account, "keys"), url(account, "new_key"), *(url(account, name, key) for name in PAGES)]:
        assert client.get(page).status_code == status
    assert list(LicenseKey.objects.values()) == before
    assert ('href="/a/' + account.slug + '/keys"' in client.get(url(account, "team")).text) == (role in MANAGERS)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_others_change_nothing(client: Client, account: Account, role: Role) -> None:
    key, _ = make_key(account)
    before = list(LicenseKey.objects.values())
    client.force_login(person(account, role))
    assert client.post(url(account, "new_key"), FORM).status_code == 403
    for name in [*PAGES, "end_previous_secret"]:
        assert client.post(url(account, name, key), FORM | {"replaces": key.prefix}).status_code == 403
    assert list(LicenseKey.objects.values()) == before


def test_strangers_find_no_key(client: Client, account: Account) -> None:
    theirs, _ = make_key()
    before = list(LicenseKey.objects.values())
    client.force_login(owner_of(account))
    for name in [*PAGES, "end_previous_secret"]:
        for slug in (account, theirs.account):
            assert client.post(url(slug, name, theirs), FORM | {"replaces": theirs.prefix}).status_code == 404
    assert client.get(f"{url(account, 'keys')}/{10**30}").status_code == 404
    assert list(LicenseKey.objects.values()) == before


def test_the_list_says_what_is_to_know(owner: Client, account: Account) -> None:
    key, secret = make_key(
        account, KeyKind.SANDBOX, scopes=["jobs", "results"], allowed_networks=["192.0.2.0/24"], monthly_cap=2_000
    )
    make_key(account, revoked_at=timezone.now())
    make_key(account, expires_at=timezone.now())
    make_key()
    used = timezone.now() - timedelta(minutes=10, seconds=1)
    LicenseKey.objects.filter(pk=key.pk).update(last_used_at=used, last_used_from="192.0.2.7")
    page = owner.get(url(account, "keys"))
    assert [found.pk for found, _ in page.context["keys"]] == [key.pk]
    assert [state for _, state in page.context["over"]] == ["expired", "revoked"]
    text = " ".join(re.sub("<[^>]*>", " ", page.text).split()).replace("\xa0", " ")
    assert f"1 of 20 keys A key Sandbox {secret[:13]}… · made" in text
    assert "For jobs, results From 192.0.2.0/24 At most 2,000 checks a month Expires never" in text
    assert "Last used 10 minutes ago from 192.0.2.7" in text
    assert secret not in page.text


def test_one_and_many_keys_cost_the_same(
    owner: Client, account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        keys.create_key(account=account, name="A", kind=KeyKind.LIVE, actor=make_member(account), now=timezone.now())
        make_key(account, revoked_at=timezone.now())
        with django_assert_num_queries(6):  # session, person, membership, config, keys, those that are over
            owner.get(url(account, "keys"))


def test_a_new_key_is_shown_once(owner: Client, account: Account) -> None:
    limits = {"monthly_cap": "500", "calls_per_minute": ""}
    page = owner.post(url(account, "new_key"), FORM | limits | {"expires_at": "2099-12-31T23:30"})
    key = LicenseKey.objects.get()
    secret, line = codes(page)
    assert access.authenticate(secret=secret, client="192.0.2.9") == key
    assert line == (
        f"curl &#x27;http://127.0.0.1:8000/api/emh/a/v2?e=someone@ok.test&#x27; -H &#x27;X-License-Key: {secret}&#x27;"
    )
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store, private")
    assert (key.name, key.kind, key.scopes, str(key.expires_at)) == (
        "CRM", "live", ["verify", "jobs"], "2099-12-31 23:30:00+00:00",
    )  # fmt: skip
    assert key.allowed_networks == ["192.0.2.0/24", "2001:db8::1/128"]
    assert (key.monthly_cap, key.calls_per_minute) == (500, None)
    assert (key.account, key.created_by) == (account, owner_of(account))
    assert list(AuditEntry.objects.filter(action="key.made").values_list("actor", "object_id")) == [
        (owner_of(account).pk, str(key.pk))
    ]
    for later in ("keys", "new_key"):
        assert secret not in owner.get(url(account, later)).text
    assert secret not in repr(list(AuditEntry.objects.values())) + repr(dict(owner.session))


@pytest.mark.parametrize(
    ("kind", "scopes", "asked"),
    [
        ("sandbox", ["verify"], "/api/emh/a/v2?e=someone@ok.test"),
        ("live", ["verify"], "/api/emh/a/v2?e=o%27hara@example.com"),
        ("live", ["results", "account"], "/api/v1/account"),
    ],
)
def test_the_line_to_try_a_key_with(
    owner: Client, account: Account, settings: Settings, kind: str, scopes: list[str], asked: str
) -> None:
    settings.MAIL_WORLD = False
    User.objects.filter(memberships__account=account).update(email="o'hara@example.com")
    page = owner.post(url(account, "new_key"), {"name": "CRM", "kind": kind, "scopes": scopes})
    assert re.findall("http://127.0.0.1:8000(/[^ &]*)", codes(page)[1]) == [asked]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": " "}, "Name: This field is required."),
        ({"name": "a\0b"}, "Name: Null characters are not allowed."),
        ({"name": "a\x07b"}, "Name: Give the key a name."),
        ({"name": "x" * 101}, "Name: Ensure this value has at most 100 characters (it has 101)."),
        ({"kind": "free"}, "Kind: Select a valid choice. free is not one of the available choices."),
        ({"scopes": []}, "May be used to: This field is required."),
        ({"scopes": ["cook"]}, "May be used to: Select a valid choice. cook is not one of the available choices."),
        (
            {"allowed_networks": "192.0.2.0/24 here"},
            "Allowed networks: &#x27;here&#x27; is no network. Write one like 192.0.2.0/24 or 2001:db8::/32.",
        ),
        ({"monthly_cap": "0"}, "Checks a month: Ensure this value is greater than or equal to 1."),
        (
            {"calls_per_minute": "1000000001"},
            "Calls a minute: Ensure this value is less than or equal to 1000000000.",
        ),
        ({"calls_per_minute": "many"}, "Calls a minute: Enter a whole number."),
        ({"expires_at": "2001-01-01T00:00"}, "Expires: A key cannot expire in the past."),
        ({"expires_at": "tomorrow"}, "Expires: Enter a valid date/time."),
    ],
)
def test_a_key_that_cannot_be(owner: Client, account: Account, form: Form, words: str) -> None:
    page = owner.post(url(account, "new_key"), FORM | form)
    assert (page.status_code, refusals(page)) == (422, [words])
    assert not LicenseKey.objects.exists()


def test_nothing_written_is_lost_by_a_refusal(owner: Client, account: Account) -> None:
    page = owner.post(url(account, "new_key"), FORM | {"kind": "sandbox", "expires_at": "2001-01-01T00:00"}).text
    assert 'name="name" required maxlength="100" autocomplete="off" value="CRM"' in page
    assert 'value="sandbox" checked' in page
    assert re.findall(r'name="scopes" value="(\w+)" checked', page) == ["verify", "jobs"]
    assert "192.0.2.7/24, 2001:db8::1</textarea>" in page
    assert 'name="expires_at" value="2001-01-01T00:00"' in page


def test_as_many_keys_as_the_config_gives(owner: Client) -> None:
    account = make_account(owner=User.objects.get(pk=owner.session["_auth_user_id"]), license_keys=1)
    assert owner.post(url(account, "new_key"), FORM).status_code == 200
    page = owner.post(url(account, "new_key"), FORM)
    assert refusals(page) == ["Keys in force are limited to 1 in this account. Revoke one that is not used any more."]


def test_fields_cannot_be_forced(owner: Client, account: Account) -> None:
    other = make_account()
    forced = {"account": other.pk, "digest": "x", "prefix": "evp_live_mine", "created_by": "", "last_used_from": "::1"}
    owner.post(url(account, "new_key"), FORM | forced)
    key = LicenseKey.objects.get()
    assert (key.account, key.prefix == "evp_live_mine", key.last_used_from) == (account, False, None)
    owner.post(url(account, "key", key), FORM | forced | {"kind": "sandbox"})
    key.refresh_from_db()
    assert (key.account, key.kind) == (account, "live")


def test_change_a_key(owner: Client, account: Account) -> None:
    key, secret = make_key(account, allowed_networks=["192.0.2.0/24"])
    page = owner.get(url(account, "key", key)).text
    assert re.findall(r'name="scopes" value="(\w+)" checked', page) == ["verify", "jobs", "results", "account"]
    assert ">192.0.2.0/24</textarea>" in page
    changed = {"name": "Import", "scopes": ["jobs"], "calls_per_minute": "7", "expires_at": "2099-01-01T00:00"}
    answer = owner.post(url(account, "key", key), changed, follow=True)
    assert (answer.redirect_chain, messages(answer)) == ([(url(account, "keys"), 302)], ["Import is saved."])
    assert access.authenticate(secret=secret).scopes == ["jobs"]
    key.refresh_from_db()
    assert (key.calls_per_minute, key.allowed_networks) == (7, [])
    assert 'max="1000000000" value="7"' in owner.get(url(account, "key", key)).text
    assert 'value="2099-01-01T00:00"' in owner.get(url(account, "key", key)).text
    assert AuditEntry.objects.get(action="key.changed").actor == owner_of(account)


def test_change_refuses(owner: Client, account: Account) -> None:
    key, _ = make_key(account)
    page = owner.post(url(account, "key", key), FORM | {"allowed_networks": "here"})
    assert (page.status_code, LicenseKey.objects.get().name) == (422, "A key")


def test_rotate_a_key(owner: Client, account: Account) -> None:
    key, first = make_key(account)
    until = (timezone.now() + timedelta(days=2)).replace(second=0, microsecond=0)
    form = {"replaces": first[:13], "old_until": f"{until:%Y-%m-%dT%H:%M}"}
    page = owner.post(url(account, "rotate_key", key), form)
    second, line = codes(page)
    assert second in line
    assert [access.authenticate(secret=secret) for secret in (first, second)] == [key, key]
    key.refresh_from_db()
    assert key.previous_until == until
    again = owner.post(url(account, "rotate_key", key), form, follow=True)
    assert messages(again) == ["This key was rotated meanwhile; nothing more was done."]
    assert f"<code>{first[:13]}…</code>, is let in until" in again.text
    owner.post(url(account, "end_previous_secret", key))
    with pytest.raises(access.KeyUnknown):
        access.authenticate(secret=first)
    assert AuditEntry.objects.filter(action="key.rotated", actor=owner_of(account)).count() == 2


def test_rotate_at_once(owner: Client, account: Account) -> None:
    key, first = make_key(account)
    second = codes(owner.post(url(account, "rotate_key", key), {"replaces": first[:13], "old_until": ""}))[0]
    assert access.authenticate(secret=second) == key
    with pytest.raises(access.KeyUnknown):
        access.authenticate(secret=first)


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2001-01-01T00:00", "That is over. Leave it empty to let the present secret in no more."),
        ("2099-01-01T00:00", "The old secret may stay for at most 90 days."),
        ("soon", "Enter a valid date/time."),
    ],
)
def test_rotate_refuses(owner: Client, account: Account, until: str, words: str) -> None:
    key, first = make_key(account)
    page = owner.post(url(account, "rotate_key", key), {"replaces": first[:13], "old_until": until})
    assert (page.status_code, refusals(page)) == (422, [f"Let the present secret in until: {words}"])
    assert access.authenticate(secret=first) == key


def test_revoking_is_asked_for_and_done(owner: Client, account: Account) -> None:
    key, secret = make_key(account)
    assert "It was never used." in owner.get(url(account, "revoke_key", key)).text
    assert access.authenticate(secret=secret) == key
    answer = owner.post(url(account, "revoke_key", key), follow=True)
    assert messages(answer) == ["A key is revoked: it is refused from now on."]
    with pytest.raises(access.KeyRevoked):
        access.authenticate(secret=secret)
    assert AuditEntry.objects.get(action="key.revoked").actor == owner_of(account)


def test_a_key_that_is_over_is_left_alone(owner: Client, account: Account) -> None:
    key, secret = make_key(account, revoked_at=timezone.now())
    for name, form in (("key", FORM), ("rotate_key", {"replaces": secret[:13]})):
        answer = owner.post(url(account, name, key), form, follow=True)
        assert messages(answer) == ["This key is revoked or expired: it cannot be changed any more."]
        assert owner.get(url(account, name, key)).status_code == 200
    assert owner.get(url(account, "revoke_key", key)).status_code == 200
    key.refresh_from_db()
    assert (key.name, key.prefix) == ("A key", secret[:13])
