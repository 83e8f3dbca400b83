"""While the database is away every route says so: 503 and when to come back, in its own shape, and nothing of why."""

from __future__ import annotations

import errno
import json
import logging

import psycopg
import pytest
from django.db import DataError, OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from accounts.models import User
from portal.failures import failed
from tests.database_away import no_database
from tests.portal.routes import address, ask, body, make_world, routes
from tests.portal.test_tenants import ROWS_OF_STAFF, kind_of
from verification.api.live import PATHS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("plain_files")]
TRIED = [route for route in routes() if f"/{route.path}" not in PATHS]  # those: test_live_without_database.py
LEAKS = (b"Traceback", b"psycopg", b"OperationalError", b"port 1")


def say(error: Exception, method: str, path: str) -> HttpResponse:
    """Give what a caller sees of an exception."""
    try:
        raise error
    except type(error):
        return failed(RequestFactory().generic(method, path))


@pytest.mark.parametrize("kind", ["account", "key", "staff", "person", "open"])
def test_each_route_says_so(client: Client, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    caplog.set_level(logging.CRITICAL)
    client.raise_request_exception = False
    world = make_world("away")
    User.objects.filter(pk=world.owner.pk).update(is_staff=True, is_superuser=True)
    client.force_login(world.owner)
    tried = [route for route in TRIED if kind_of(route) == kind]
    ones = {route: dict.fromkeys(route.arguments, 1) | ROWS_OF_STAFF for route in tried}
    paths = {
        route: f"/{route.path.format(**ones[route])}" if kind in ("staff", "open") else address(route, world)
        for route in tried
    }
    answers = {}
    with no_database():
        for route, path in paths.items():
            for method in ("GET",) if kind == "staff" else ("GET", "POST"):  # of staff's there are many
                response = ask(client, method, path, authorization=f"Bearer {world.secret}")
                assert not [leak for leak in LEAKS if leak in body(response)], (method, path)
                answers[route, method] = response
    assert answers
    for (route, method), response in answers.items():
        if response.status_code == 503:
            assert response["Retry-After"] == "5", (method, route)
        else:
            assert response.status_code < 500, (method, route)
            assert kind in ("open", "staff") or response.status_code == 405, (method, route)


def is_page(response: HttpResponse) -> bool:
    return response["Content-Type"].startswith("text/html") and b"We are away for a moment" in response.content


def test_in_the_shape_of_the_route() -> None:
    away = OperationalError("no more room on the disk")
    assert is_page(say(away, "GET", "/a/acme/lists"))
    assert is_page(say(psycopg.OperationalError("gone"), "GET", "/admin/"))
    call = say(away, "GET", "/api/v1/anything")
    assert (call.status_code, json.loads(call.content)["status"]) == (503, 503)
    job = say(away, "POST", "/api/v1/jobs")
    assert json.loads(job.content)["meta"]["state"]["subType"] == "INTERNAL_ERROR"


def test_our_own_disk_is_full() -> None:
    response = say(OSError(errno.ENOSPC, "No space left on device"), "POST", "/a/acme/lists/new")
    assert response.status_code == 507
    assert b"nothing was kept" in response.content


def test_what_broke_otherwise_is_a_500() -> None:
    response = say(DataError("value too long"), "GET", "/a/acme/lists")
    assert response.status_code == 500
    assert b"Something broke on our side" in response.content
    assert not response.has_header("Retry-After")
