"""The launcher against a database that comes later."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import connection

from portal import launcher
from portal.postgres import free_port

pytestmark = pytest.mark.django_db


def serve_later(port: int, seconds: float, waits: Callable[[], bool]) -> None:
    """Pass one connection on to the database, once some time has gone by."""
    time.sleep(seconds)
    assert waits()
    with socket.create_server(("127.0.0.1", port)) as listening:
        ours, _ = listening.accept()
    there = connection.settings_dict
    with ours, socket.create_connection((there["HOST"], int(there["PORT"]))) as theirs:
        back = threading.Thread(target=pass_on, args=(theirs, ours))
        back.start()
        pass_on(ours, theirs)
        back.join()


def pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(ConnectionError):
        while piece := source.recv(65_536):
            to.sendall(piece)
    with suppress(OSError):
        to.shutdown(socket.SHUT_WR)


def test_a_database_that_starts_later_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(launcher, "WAIT_SECONDS", 0.1)
    caplog.set_level(logging.WARNING)
    port = free_port()
    url = "postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{NAME}".format(port=port, **connection.settings_dict)
    monkeypatch.setenv("DATABASE_URL", url)
    waiting = threading.Thread(target=launcher.wait_for_database)
    waiting.start()

    serve_later(port, 0.6, waiting.is_alive)
    waiting.join(10)

    assert not waiting.is_alive()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["waiting for the database"]
