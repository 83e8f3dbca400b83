from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from portal.http.bodies import Bounds
from portal.http.routes import JOB_REQUEST_BYTES, UPLOAD
from tests.asgi_server import serving
from tests.factories import PASSWORD, make_account, make_key, make_user

pytestmark = pytest.mark.django_db(transaction=True)

HASTY = Bounds(idle_seconds=0.4, grace_seconds=1.0, linger_seconds=1.0)
ANSWER = re.compile(rb"HTTP/1.1 (\d+) ")


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # needs no collectstatic
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
    with serving(HASTY) as url:
        yield url


@pytest.fixture
def secret() -> str:
    return make_key(make_account())[1]


def raw(url: str, head: str, *pieces: bytes, pause: float = 0) -> tuple[int, str, str]:
    """Send a request as written; gives status, header and body of the answer."""
    parts = urlsplit(url)
    assert parts.hostname
    with socket.create_connection((parts.hostname, parts.port or 0), timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        try:
            for piece in pieces:
                time.sleep(pause)
                connection.sendall(piece)
        except OSError:
            pass  # the server has answered and closed
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    header, _, body = answer.partition(b"\r\n\r\n")
    found = ANSWER.match(answer)
    assert found, answer
    return int(found[1]), header.decode(), body.decode()


def state_of(body: str) -> tuple[str, str, str]:
    state = json.loads(body)["meta"]["state"]
    return state["type"], state["subType"], state["description"]


def test_small_requests_pass_and_have_an_id(url: str) -> None:
    answer = httpx.get(f"{url}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_an_announced_job_request_over_the_limit_is_refused_at_once(url: str) -> None:
    status, header, body = raw(url, f"POST /api/v1/jobs HTTP/1.1\nHost: x\nContent-Length: {JOB_REQUEST_BYTES + 1}")
    assert (status, state_of(body)) == (413, ("REJECTED", "LIMIT_EXCEEDED", "Request body size limit exceeded"))
    assert "Connection: close" in header.title().replace("Close", "close")
    assert "receivedTs" not in body


def test_a_chunked_body_is_counted(url: str, secret: str) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    head = f"POST /api/v1/jobs/x HTTP/1.1\nHost: x\nX-License-Key: {secret}\nTransfer-Encoding: chunked"
    status, header, body = raw(url, head, *[chunk] * 17)
    assert (status, json.loads(body)["title"]) == (413, "Request Entity Too Large")
    assert "application/problem+json" in header


@pytest.mark.parametrize("announced", [True, False])
def test_without_a_key_a_body_stops_at_64_kb(url: str, announced: bool) -> None:
    how = "Content-Length: 200000" if announced else "Transfer-Encoding: chunked"
    chunk = b"8000\r\n" + b" " * 32_768 + b"\r\n"
    status, header, body = raw(url, f"POST /api/v1/jobs HTTP/1.1\nHost: x\n{how}", chunk, chunk, chunk)
    assert (status, state_of(body)[:2]) == (401, ("REJECTED", "UNAUTHORIZED"))
    assert "Www-Authenticate" in header.title()


def test_with_a_key_a_bigger_body_comes_through(url: str, secret: str) -> None:
    body = b'{"recipients": []}' + b" " * 5_000_000
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    answer = httpx.post(f"{url}/api/v1/jobs", content=body, headers=headers)
    assert (answer.status_code, state_of(answer.text)[1]) == (400, "MISSING_VALUE")


def test_an_upload_without_a_session_stops_at_64_kb(url: str) -> None:
    head = "POST /a/acme/lists/new HTTP/1.1\nHost: x\nContent-Length: 70000\nCookie: sessionid=abc"
    status, header, body = raw(url, head)
    assert (status, "sign in" in body.lower()) == (401, True)
    assert "text/html" in header


def test_a_signed_in_upload_may_be_big_but_not_too_big(url: str) -> None:
    client = Client()
    user = make_user()
    assert client.login(email=user.email, password=PASSWORD)
    cookie = client.cookies["sessionid"].value
    head = f"POST /a/acme/lists/new HTTP/1.1\nHost: 127.0.0.1\nCookie: sessionid={cookie}\nConnection: close\n"
    status, _, _ = raw(url, f"{head}Content-Length: 2000000", b"x" * 2_000_000)
    assert status == 403  # Django has it, and misses the CSRF token
    assert raw(url, f"{head}Content-Length: {UPLOAD.limit + 1}")[0] == 413


def test_other_pages_take_a_megabyte(url: str) -> None:
    status, header, body = raw(url, "POST /accounts/login/ HTTP/1.1\nHost: x\nContent-Length: 1000001")
    assert (status, "Request Entity Too Large" in body) == (413, True)
    assert "text/html" in header


def test_the_live_check_refuses_in_text(url: str) -> None:
    status, header, body = raw(url, "GET /api/emh/a/v2 HTTP/1.1\nHost: x\nContent-Length: 1000001")
    assert (status, body) == (413, "Request Entity Too Large. Request body size limit exceeded.")
    assert "text/plain" in header


def test_silence_ends_in_408(url: str) -> None:
    started = time.monotonic()
    status, _, body = raw(url, "POST /api/v1/jobs HTTP/1.1\nHost: x\nContent-Length: 100", b"{")
    assert (status, state_of(body)[1]) == (408, "REQUEST_TIMEOUT")
    assert time.monotonic() - started < 3


def test_dripping_ends_in_408(url: str) -> None:
    head = "POST /accounts/login/ HTTP/1.1\nHost: x\nContent-Length: 1000"
    started = time.monotonic()
    status, _, _ = raw(url, head, *[b"x"] * 30, pause=0.2)
    assert status == 408
    assert time.monotonic() - started < 8


def test_whoever_writes_on_gets_to_read_the_answer(url: str) -> None:
    head = f"POST /api/v1/jobs HTTP/1.1\nHost: x\nContent-Length: {JOB_REQUEST_BYTES + 1}"
    status, _, _ = raw(url, head, *[b" " * 65_536] * 320)
    assert status == 413
