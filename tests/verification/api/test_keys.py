from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.domain import access
from accounts.models import Account, AuditEntry, KeyKind, LicenseKey, Scope
from tests.factories import make_account, make_key
from verification.models import IdempotencyRecord

pytestmark = pytest.mark.django_db
KEYS = "/api/v1/keys"
LATER = "2099-12-31T23:30:00Z"
Answer = Any  # Django's test response


@pytest.fixture
def account() -> Account:
    return make_account()


def ask(secret: str, method: str, path: str, body: Any = None, **headers: str) -> Answer:  # Any: JSON
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"X-License-Key": secret} | headers
    return Client().generic(method, path, content, content_type="application/json", headers=headers)


def path_of(key: LicenseKey, act: str = "") -> str:
    return f"{KEYS}/{key.pk}{act}"


def told(answer: Answer) -> tuple[Any, ...]:  # Any: JSON
    document = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status_code, document.get("code"), document.get("errors")


def test_keys_are_listed_newest_first(account: Account) -> None:
    first, secret = make_key(account)
    over, _ = make_key(account, KeyKind.SANDBOX, revoked_at=datetime(2026, 11, 1, tzinfo=UTC))
    make_key()
    LicenseKey.objects.filter(pk=over.pk).update(name="Old", last_used_from="192.0.2.7")
    answer = ask(secret, "GET", KEYS)
    assert (answer.status_code, answer.json()["next"]) == (200, None)
    old, key = answer.json()["keys"]
    assert (old["name"], old["state"], old["revokedTs"]) == ("Old", "revoked", "2026-11-01T00:00:00.000Z")
    assert (old["kind"], old["lastUsedFrom"]) == ("sandbox", "192.0.2.7")
    assert key == {
        "id": first.pk,
        "name": "A key",
        "kind": "live",
        "prefix": secret[:13],
        "state": "valid",
        "scopes": ["verify", "jobs", "results", "account"],
        "allowedNetworks": [],
        "monthlyCap": None,
        "callsPerMinute": None,
        "createdTs": key["createdTs"],
        "expiresTs": None,
        "revokedTs": None,
        "lastUsedTs": key["lastUsedTs"],
        "lastUsedFrom": "127.0.0.1",
        "previous": None,
    }
    assert ask(secret, "GET", path_of(first)).json() == key


def test_the_list_goes_on_at_next(account: Account, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    secrets = [make_key(account)[1] for _ in range(5)]
    ask(secrets[0], "GET", KEYS)
    path, found = f"{KEYS}?limit=2", []
    while path:
        with django_assert_num_queries(6):  # the call (in a savepoint), key, keys, quota left
            page = ask(secrets[0], "GET", path).json()
        found += [key["prefix"] for key in page["keys"]]
        path = page["next"]
    assert found == [secret[:13] for secret in reversed(secrets)]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor="])
def test_lists_that_cannot_be(account: Account, query: str) -> None:
    status, code, errors = told(ask(make_key(account)[1], "GET", f"{KEYS}?{query}"))
    assert (status, code, list(errors)) == (400, None, [query.partition("=")[0]])


def test_make_a_key(account: Account) -> None:
    giver, secret = make_key(account)
    body = {
        "name": " CRM  live ",
        "kind": "live",
        "scopes": ["verify"],
        "allowedNetworks": ["192.0.2.7/24"],
        "monthlyCap": 500,
        "callsPerMinute": None,
        "expiresTs": "2100-01-01T00:30:00+01:00",
    }
    answer = ask(secret, "POST", KEYS, body)
    made = LicenseKey.objects.latest("pk")
    document = answer.json()
    assert (answer.status_code, document.pop("secret")[:13]) == (201, made.prefix)
    assert document == ask(secret, "GET", path_of(made)).json()
    assert (made.name, made.kind, made.scopes, made.allowed_networks) == (
        "CRM live",
        "live",
        ["verify"],
        ["192.0.2.0/24"],
    )
    assert (made.monthly_cap, made.calls_per_minute, document["expiresTs"]) == (500, None, "2099-12-31T23:30:00.000Z")
    assert (made.account, made.created_by) == (account, None)
    entry = AuditEntry.objects.get(action="key.made", object_id=str(made.pk))
    assert (entry.actor, entry.actor_label) == (None, f"key {giver.pk}: A key ({giver.prefix}…)")


def test_what_is_not_said_is_as_with_the_key_that_asks(account: Account) -> None:
    until = timezone.now() + timedelta(days=3)
    _, secret = make_key(
        account, KeyKind.SANDBOX, scopes=["jobs", "account"], allowed_networks=["127.0.0.0/8"], expires_at=until
    )
    answer = ask(secret, "POST", KEYS, {"name": "CRM"})
    made = LicenseKey.objects.latest("pk")
    assert (made.kind, made.scopes, made.allowed_networks, made.expires_at) == (
        "sandbox",
        ["jobs"],
        ["127.0.0.0/8"],
        until,
    )
    assert access.authenticate(secret=answer.json()["secret"], client="127.0.0.1") == made


NO_NETWORK = "'here' is no network. Write one like 192.0.2.0/24 or 2001:db8::/32."
MANY = [f"192.0.2.{n}" for n in range(51)]
BEYOND = [
    ({}, {"scopes": ["jobs", "results"]}, "scopes", "The key that asks does not have the scope results itself."),
    (
        {"allowed_networks": ["127.0.0.0/8", "192.0.2.0/24"]},
        {"allowedNetworks": ["192.0.2.128/25", "192.0.3.0/24"]},
        "allowedNetworks",
        "The key that asks may not be used from all of these networks itself.",
    ),
    (
        {"allowed_networks": ["127.0.0.0/8"]},
        {"allowedNetworks": []},
        "allowedNetworks",
        "The key that asks may not be used from all of these networks itself.",
    ),
    (
        {"allowed_networks": ["127.0.0.0/8"]},
        {"allowedNetworks": ["::7f00:1/128"]},
        "allowedNetworks",
        "The key that asks may not be used from all of these networks itself.",
    ),
    ({"expires_at": True}, {"expiresTs": None}, "expiresTs", "The key that asks expires before that itself."),
    ({"expires_at": True}, {"expiresTs": LATER}, "expiresTs", "The key that asks expires before that itself."),
    ({"kind": KeyKind.SANDBOX}, {"kind": "live"}, "kind", "A sandbox key gives sandbox keys only."),
    (
        {"monthly_cap": 5},
        {"monthlyCap": 5},
        "kind",
        "A key with limits of its own gives no live keys: together they could use more.",
    ),
    (
        {"calls_per_minute": 5},
        {},
        "kind",
        "A key with limits of its own gives no live keys: together they could use more.",
    ),
]


def limited(account: Account, has: dict[str, Any]) -> tuple[LicenseKey, str]:  # Any: as make_key takes them
    if "expires_at" in has:
        has = {"expires_at": timezone.now() + timedelta(days=1)}
    return make_key(account, **{"scopes": ["verify", "jobs", "account"]} | has)


@pytest.mark.parametrize(("has", "wants", "member", "words"), BEYOND)
def test_no_key_gives_more_than_it_has(
    account: Account, has: dict[str, Any], wants: dict[str, Any], member: str, words: str
) -> None:
    _, secret = limited(account, has)
    answer = ask(secret, "POST", KEYS, {"name": "CRM"} | wants)
    assert told(answer) == (403, "BEYOND_THIS_KEY", {member: [words]})
    assert answer.json()["detail"] == words
    assert LicenseKey.objects.count() == 1


def test_what_a_limited_key_may_give(account: Account) -> None:
    _, secret = limited(account, {"allowed_networks": ["127.0.0.0/8", "2001:db8::/32"]})
    within = {"name": "CRM", "scopes": ["jobs"], "allowedNetworks": ["2001:db8:1::/48", "127.0.0.1"]}
    assert ask(secret, "POST", KEYS, within).status_code == 201
    _, capped = limited(account, {"monthly_cap": 5})
    assert ask(capped, "POST", KEYS, {"name": "Try", "kind": "sandbox"}).status_code == 201


@pytest.mark.parametrize(
    ("body", "member", "words"),
    [
        ({}, "name", "This field is required."),
        ({"name": 7}, "name", "Must be a string."),
        ({"name": " "}, "name", "Give the key a name."),
        ({"name": "a\0b"}, "name", "Give the key a name."),
        ({"name": "x" * 101}, "name", "A name has at most 100 characters."),
        ({"kind": "free"}, "kind", "Must be one of live, sandbox."),
        ({"kind": ["live"]}, "kind", "Must be one of live, sandbox."),
        ({"scopes": []}, "scopes", "Choose what the key is for."),
        ({"scopes": ["cook"]}, "scopes", "There is no scope 'cook'."),
        ({"scopes": "verify"}, "scopes", "Must be an array of strings."),
        ({"scopes": [["verify"]]}, "scopes", "Must be an array of strings."),
        ({"scopes": None}, "scopes", "Must be an array of strings."),
        ({"allowedNetworks": ["here"]}, "allowedNetworks", NO_NETWORK),
        ({"allowedNetworks": MANY}, "allowedNetworks", "A key takes at most 50 networks."),
        ({"monthlyCap": 0}, "monthlyCap", "A limit is a number from 1 to 1,000,000,000."),
        ({"monthlyCap": True}, "monthlyCap", "Must be a whole number."),
        ({"callsPerMinute": 1e300}, "callsPerMinute", "A limit is a number from 1 to 1,000,000,000."),
        ({"callsPerMinute": 1.5}, "callsPerMinute", "Must be a whole number."),
        ({"expiresTs": "2001-01-01T00:00:00Z"}, "expiresTs", "A key cannot expire in the past."),
        ({"expiresTs": "2099-12-31T23:30:00"}, "expiresTs", "Must be a time like 2026-11-25T13:00:00Z."),
        ({"expiresTs": "2099-02-30T00:00:00Z"}, "expiresTs", "Must be a time like 2026-11-25T13:00:00Z."),
        ({"expiresTs": "0001-01-01T00:00:00+23:00"}, "expiresTs", "Must be a time like 2026-11-25T13:00:00Z."),
        ({"expiresTs": 4102444800}, "expiresTs", "Must be a time like 2026-11-25T13:00:00Z."),
        ({"digest": "x"}, "digest", "There is no such member."),
        ({"account": 1}, "account", "There is no such member."),
    ],
)  # fmt: skip
def test_keys_that_cannot_be(account: Account, body: dict[str, Any], member: str, words: str) -> None:
    _, secret = make_key(account)
    answer = ask(secret, "POST", KEYS, ({"name": "CRM"} if body else {}) | body)
    assert told(answer) == (400, None, {member: [words]})
    assert LicenseKey.objects.count() == 1


@pytest.mark.parametrize("body", ["{", "[]", "null", '{"name": "a", "name": "b"}', '{"name": "\\ud800"}'])
def test_bodies_that_are_no_json_object(account: Account, body: str) -> None:
    assert told(ask(make_key(account)[1], "POST", KEYS, body)) == (400, None, None)


def test_bodies_of_another_type(account: Account) -> None:
    headers = {"X-License-Key": make_key(account)[1]}
    form = Client().post(KEYS, "name=CRM", content_type="application/x-www-form-urlencoded", headers=headers)
    zipped = Client().post(KEYS, b"x", content_type="application/json", headers=headers | {"Content-Encoding": "gzip"})
    assert told(form) == told(zipped) == (415, None, None)


def test_as_many_keys_as_the_config_gives() -> None:
    _, secret = make_key(make_account(license_keys=2))
    headers = {"Idempotency-Key": "one"}
    other = ask(secret, "POST", KEYS, {"name": "CRM"}).json()["id"]
    assert told(ask(secret, "POST", KEYS, {"name": "ERP"}, **headers)) == (409, "TOO_MANY_KEYS", None)
    ask(secret, "DELETE", f"{KEYS}/{other}")
    assert ask(secret, "POST", KEYS, {"name": "ERP"}, **headers).status_code == 201


def test_the_same_request_again_makes_no_second_key_and_shows_no_secret(account: Account) -> None:
    _, secret = make_key(account)
    headers = {"Idempotency-Key": "night-1"}
    first, again = [ask(secret, "POST", KEYS, {"name": "CRM"}, **headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json() | {"secret": None}
    assert LicenseKey.objects.count() == 2
    kept = repr(list(IdempotencyRecord.objects.values()))
    assert first.json()["prefix"] in kept
    assert first.json()["secret"] not in kept
    assert told(ask(secret, "POST", KEYS, {"name": "ERP"}, **headers)) == (422, "IDEMPOTENCY_KEY_REUSED", None)
    assert told(ask(secret, "POST", KEYS, {"name": "ERP"}, **{"Idempotency-Key": "x" * 256})) == (400, None, None)


def test_rotate_a_key(account: Account) -> None:
    _, secret = make_key(account)
    key, first = make_key(account)
    until = (timezone.now() + timedelta(days=1)).replace(microsecond=0)
    answer = ask(secret, "POST", path_of(key, "/rotate"), {"oldUntilTs": until.isoformat()})
    document = answer.json()
    assert (answer.status_code, document["prefix"]) == (200, document["secret"][:13])
    assert document["previous"] == {"prefix": first[:13], "untilTs": f"{until:%Y-%m-%dT%H:%M:%S}.000Z"}
    assert [access.authenticate(secret=each) for each in (first, document["secret"])] == [key, key]


def test_a_rotation_sent_again_is_done_once(account: Account) -> None:
    key, secret = make_key(account)
    body = {"oldUntilTs": (timezone.now() + timedelta(days=1)).isoformat()}
    headers = {"Idempotency-Key": "night-1"}
    first, again = [ask(secret, "POST", path_of(key, "/rotate"), body, **headers) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json() | {"secret": None}
    assert access.authenticate(secret=first.json()["secret"]) == key


def test_a_key_rotates_and_revokes_itself(account: Account) -> None:
    key, secret = limited(account, {"monthly_cap": 5})
    new = ask(secret, "POST", path_of(key, "/rotate"), {"oldUntilTs": None}).json()["secret"]
    assert ask(secret, "GET", KEYS).status_code == 401
    assert ask(new, "DELETE", path_of(key)).status_code == 204
    assert ask(new, "GET", KEYS).status_code == 401


@pytest.mark.parametrize(
    ("body", "member", "words"),
    [
        ({}, "oldUntilTs", "This field is required."),
        ({"oldUntilTs": "soon"}, "oldUntilTs", "Must be a time like 2026-11-25T13:00:00Z."),
        ({"oldUntilTs": LATER}, "oldUntilTs", "The old secret may stay for at most 90 days."),
        ({"oldUntilTs": None, "secret": "mine"}, "secret", "There is no such member."),
    ],
)
def test_rotations_that_cannot_be(account: Account, body: dict[str, Any], member: str, words: str) -> None:
    key, secret = make_key(account)
    assert told(ask(secret, "POST", path_of(key, "/rotate"), body)) == (400, None, {member: [words]})
    assert access.authenticate(secret=secret) == key


def test_a_stronger_key_is_not_rotated(account: Account) -> None:
    _, secret = limited(account, {})
    strong, kept = make_key(account)
    answer = ask(secret, "POST", path_of(strong, "/rotate"), {"oldUntilTs": None})
    assert told(answer)[:2] == (403, "BEYOND_THIS_KEY")
    assert access.authenticate(secret=kept) == strong


def test_revoke_a_key(account: Account) -> None:
    giver, secret = make_key(account)
    key, gone = make_key(account)
    for _ in range(2):
        answer = ask(secret, "DELETE", path_of(key))
        assert (answer.status_code, answer.content) == (204, b"")
    with pytest.raises(access.KeyRevoked):
        access.authenticate(secret=gone)
    assert ask(secret, "GET", path_of(key)).json()["state"] == "revoked"
    assert told(ask(secret, "POST", path_of(key, "/rotate"), {"oldUntilTs": None})) == (409, "KEY_OVER", None)
    entry = AuditEntry.objects.get(action="key.revoked")
    assert (entry.actor_label, entry.object_id) == (f"key {giver.pk}: A key ({giver.prefix}…)", str(key.pk))


def test_live_keys_are_not_there_for_the_sandbox(account: Account) -> None:
    live, _ = make_key(account)
    own, secret = make_key(account, KeyKind.SANDBOX)
    assert [key["id"] for key in ask(secret, "GET", KEYS).json()["keys"]] == [own.pk]
    asked = [("GET", ""), ("DELETE", ""), ("POST", "/rotate")]
    assert [ask(secret, method, path_of(live, act), {}).status_code for method, act in asked] == [404, 404, 404]


def test_keys_of_others_are_not_there(account: Account) -> None:
    _, secret = make_key(account)
    theirs, _ = make_key()
    asked = [("GET", ""), ("DELETE", ""), ("POST", "/rotate")]
    for key_id in (theirs.pk, 0, 10**30):
        for method, act in asked:
            assert told(ask(secret, method, f"{KEYS}/{key_id}{act}", {}))[0] == 404
    assert LicenseKey.objects.filter(revoked_at=None).count() == 2


def test_only_keys_for_the_account_may(account: Account) -> None:
    key, secret = make_key(account, scopes=set(Scope) - {Scope.ACCOUNT})
    asked = [
        ("GET", KEYS),
        ("POST", KEYS),
        ("GET", path_of(key)),
        ("DELETE", path_of(key)),
        ("POST", path_of(key, "/rotate")),
    ]
    asked += [("GET", "/api/v1/usage")]
    for method, path in asked:
        answer = ask(secret, method, path, {"name": "CRM"})
        assert told(answer)[0] == 403
        assert answer.json()["detail"] == "The license key does not have the scope account."
    assert access.authenticate(secret=secret) == key


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_no_number_leads_nowhere(account: Account, method: str) -> None:
    client = Client(enforce_csrf_checks=True)  # as behind a server
    answer = client.generic(method, f"{KEYS}/1.5", headers={"X-License-Key": make_key(account)[1]})
    assert told(answer) == (404, None, None)
