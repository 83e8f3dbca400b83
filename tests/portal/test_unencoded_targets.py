"""Addresses in URLs as callers write them: raw bytes above 127, over a real server."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest

from tests.asgi_server import serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with serving() as url:
        parts = urlsplit(url)
        yield str(parts.hostname), int(parts.port or 0)


def ask(address: tuple[str, int], *requests: Sequence[bytes]) -> list[bytes]:
    """Send requests on one connection, each in packets, the next after the answer; give the bodies."""
    bodies = []
    with socket.create_connection(address, timeout=10) as connection, connection.makefile("rb") as file:
        for packets in requests:
            for packet in packets:
                connection.sendall(packet)
                time.sleep(0.05)  # so that they arrive apart
            bodies.append(body_of(file))
    return bodies


def body_of(file: BinaryIO) -> bytes:
    length = 0
    while (line := file.readline()).strip():
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return file.read(length)


def request(target: str, encoding: str = "utf-8") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(encoding)


NO_KEY = b"Bad request. Reason:No license key"
TARGET = "/api/emh/a/v2?e=jos\u00e9@ok.test"


def test_an_address_that_was_not_encoded_is_read(address: tuple[str, int]) -> None:
    assert ask(address, [request(TARGET)]) == [NO_KEY]


def test_the_same_in_pieces_and_after_another_request(address: tuple[str, int]) -> None:
    line = request(TARGET)
    cut = line.index("\u00e9".encode()) + 1
    assert ask(address, [line[:cut], line[cut:]], [b"\r\n", request(TARGET)]) == [NO_KEY, NO_KEY]


def test_latin_1_is_read_as_no_utf_8(address: tuple[str, int]) -> None:
    [body] = ask(address, [request("/api/emh/a/v2?k=x&e=jos\u00e9@ok.test", "latin-1")])
    assert body.startswith(b"Bad request. Reason:")


def test_other_pages_see_the_name_too(address: tuple[str, int]) -> None:
    [body] = ask(address, [request("/api/v1/caf\u00e9")])
    assert json.loads(body)["status"] == 404
