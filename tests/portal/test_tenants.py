"""No account can be read or changed from outside, on any route: tried on the whole URL map.

A new route is tried by itself.  It turns a test red when it lets strangers in, and when it belongs to none of the kinds
below; one that everybody may open is named in OPEN, with the reason.
"""

from __future__ import annotations

import time
from urllib.parse import unquote

import httpx
import pytest
from allauth.mfa.models import Authenticator
from django.http import HttpResponseBase
from django.test import Client

from tests.asgi_server import serving
from tests.portal.routes import (
    MARK,
    METHODS,
    Route,
    World,
    address,
    address_of_nothing,
    ask,
    body,
    everything_kept,
    has_no_such_method,
    make_world,
    routes,
)
from verification.api.live import PATHS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
SIGN_IN = "/accounts/login/"

OPEN = {
    "home": "the landing page; whoever is signed in is led to their account",
    "docs": "the same for everybody",
    "doc": "the same for everybody",
    "verdicts": "the same for everybody",
    "status": "sums over all accounts, of providers with many checks",
    "terms": "the same for everybody",
    "privacy": "the same for everybody",
    "healthz": "asked by machines; says nothing of anybody",
    "api-schema": "the same for everybody",
    "api-docs": "the same for everybody",
    "None": "answers 404 to every other path below /api/",
    "account_login": "where people sign in",
    "account_logout": "signs out whoever is signed in",
    "account_signup": "where people sign up",
    "account_inactive": "says that a person is inactive",
    "account_email_verification_sent": "says that a mail was sent",
    "account_confirm_email": "opened by the key in a mail",
    "account_confirm_login_code": "step of signing in",
    "account_reset_password": "sends a mail",
    "account_reset_password_done": "says that a mail was sent",
    "account_reset_password_from_key": "opened by the key in a mail",
    "account_reset_password_from_key_done": "says that it is done",
    "invitation": "opened by the token in a mail",
    "mfa_login_webauthn": "signs in by passkey",
    "mfa_authenticate": "step of signing in",
    "admin:login": "leads to where people sign in",
    "admin:logout": "signs out whoever is signed in",
}


def of_kind(kind: str) -> list[Route]:
    return [route for route in routes() if kind_of(route) == kind]


def kind_of(route: Route) -> str:
    """Say who a route is for."""
    if route.name in OPEN:
        return "open"
    first = route.path.partition("/")[0]
    if first == "a":
        return "account"
    return {"api": "key", "admin": "staff", "accounts": "person", "you": "person", "": "person"}.get(first, "unknown")


PAGES = of_kind("account")
PAGES_OF_ROWS = [page for page in PAGES if page.has_row]
PAGES_OF_ALL = [page for page in PAGES if not page.has_row]
PERSONAL = of_kind("person")
CALLS = [route for route in of_kind("key") if f"/{route.path}" not in PATHS]


@pytest.fixture
def victim() -> World:
    return make_world(MARK)


@pytest.fixture
def stranger() -> World:
    return make_world("stranger")


@pytest.fixture
def strange(client: Client, stranger: World) -> Client:
    client.force_login(stranger.owner)
    return client


def test_every_route_is_of_a_known_kind() -> None:
    assert of_kind("unknown") == []
    assert [route for route in of_kind("account") if not route.path.startswith("a/{account}/")] == []
    assert sorted(OPEN) == sorted({route.name for route in of_kind("open")})


def leads_to_sign_in(response: HttpResponseBase, path: str) -> bool:
    return response.status_code == 302 and unquote(response["Location"]) == f"{SIGN_IN}?next={path}"


@pytest.mark.parametrize("route", [*PAGES, *PERSONAL], ids=str)
def test_nobody_is_led_to_the_sign_in(client: Client, victim: World, route: Route) -> None:
    before = everything_kept()
    path = address(route, victim)
    for method in METHODS:
        for headers in ({}, {"authorization": f"Bearer {victim.secret}"}):  # a key opens no page
            response = ask(client, method, path, **headers)
            assert leads_to_sign_in(response, path) or has_no_such_method(response, method), method
    assert everything_kept() == before


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_strangers_find_nothing(strange: Client, victim: World, route: Route) -> None:
    before = everything_kept()
    nothing = address_of_nothing(route, victim, account=True)
    for method in METHODS:
        response = ask(strange, method, address(route, victim))
        assert response.status_code == 404 or has_no_such_method(response, method), method
        assert body(response) == body(ask(strange, method, nothing)), method
    assert everything_kept() == before


@pytest.mark.parametrize("route", PAGES_OF_ROWS, ids=str)
def test_their_own_account_opens_nothing_of_others(
    strange: Client, victim: World, stranger: World, route: Route
) -> None:
    before = everything_kept()
    nothing = address_of_nothing(route, stranger, account=False)
    for method in METHODS:
        response = ask(strange, method, address(route, victim, account=stranger.account.slug))
        assert response.status_code == 404 or has_no_such_method(response, method), method
        assert body(response) == body(ask(strange, method, nothing)), method
    assert everything_kept() == before


@pytest.mark.parametrize("route", [*PAGES_OF_ALL, *PERSONAL], ids=str)
def test_pages_of_others_show_nothing_of_it(strange: Client, victim: World, stranger: World, route: Route) -> None:
    response = strange.get(address(route, stranger), follow=True)
    assert MARK.encode() not in body(response).lower()


@pytest.mark.parametrize("route", [page for page in PERSONAL if page.has_row], ids=str)
def test_what_belongs_to_another_person_is_not_there(strange: Client, victim: World, route: Route) -> None:
    before = list(Authenticator.objects.values())
    session = strange.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time(), "reauthenticated": True}]
    session["account_authentication_methods_user"] = str(session["_auth_user_id"])
    session.save()
    for method in METHODS:
        response = ask(strange, method, address(route, victim))
        assert response.status_code == 404 or has_no_such_method(response, method) or method == "OPTIONS", method
    assert list(Authenticator.objects.values()) == before


@pytest.mark.parametrize("route", CALLS, ids=str)
def test_no_call_without_a_key_that_is_good(client: Client, victim: World, route: Route) -> None:
    before = everything_kept()
    client.force_login(victim.owner)  # a session opens no call
    for method in METHODS:
        for headers in ({}, {"authorization": f"Bearer {victim.revoked_secret}"}):
            assert ask(client, method, address(route, victim), **headers).status_code == 401, method
    assert everything_kept() == before


@pytest.mark.parametrize("route", CALLS, ids=str)
def test_a_strange_key_opens_nothing(client: Client, victim: World, stranger: World, route: Route) -> None:
    before = everything_kept()
    headers = {"authorization": f"Bearer {stranger.secret}"}
    for method in METHODS if route.has_row else ("GET",):
        response = ask(client, method, address(route, victim), **headers)
        assert MARK.encode() not in body(response).lower(), method
        if route.has_row and method != "OPTIONS":  # which describes the route
            nothing = ask(client, method, address_of_nothing(route, victim, account=False), **headers)
            assert response.status_code == 404 or has_no_such_method(response, method), method
            assert (response.status_code, body(response)) == (nothing.status_code, body(nothing)), method
    assert everything_kept() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", sorted(PATHS))
def test_no_live_check_without_a_key_that_is_good(client: Client, path: str) -> None:
    victim = make_world(MARK)
    client.force_login(victim.owner)
    cookies = {"sessionid": client.cookies["sessionid"].value}
    with serving() as url:
        for method in METHODS:
            for secret, status in (("", 400), (victim.revoked_secret, 401)):  # docs/api/verify-v2.md
                asked = {"e": "jane@ok.test", "k": secret}
                response = httpx.request(method, f"{url}{path}", params=asked, cookies=cookies)
                no_method = response.status_code == 405 and method not in response.headers["Allow"].split(", ")
                assert response.status_code == status or no_method, method


ROWS_OF_STAFF = {"object_id": 1, "app_label": "accounts", "url": "nowhere", "content_type_id": 1}


@pytest.mark.parametrize("route", of_kind("staff"), ids=str)
def test_staff_pages_are_for_staff(client: Client, victim: World, route: Route) -> None:
    before = everything_kept()
    instead = dict.fromkeys(route.arguments, 1) | ROWS_OF_STAFF
    path = "/" + route.path.format(**instead)
    for person in (None, victim.owner):
        if person is not None:
            client.force_login(person)
        for method in METHODS:
            response = ask(client, method, path)
            assert response.status_code in (302, 403) or has_no_such_method(response, method), (person, method)
            if response.status_code == 302:
                assert response["Location"].split("?")[0] in (SIGN_IN, "/admin/login/"), (person, method)
    assert everything_kept() == before
