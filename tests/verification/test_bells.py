"""Bells in Redis: rung on commit, heard by a real server, missed by nobody who waits where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django_q.conf import Conf
from django_q.signing import SignedPackage
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from portal.postgres import free_port
from portal.redis_bells import RedisBells
from tests import debian
from verification.domain import bells

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def redis_port(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> int:
    """Choose Redis, at a port where nothing listens yet."""
    port = free_port()
    settings.Q_BROKER = f"redis://127.0.0.1:{port}/0"
    monkeypatch.setattr(Conf, "BROKER_CLASS", "portal.redis_bells.RedisBells")  # read once, at import
    return port


@pytest.fixture
def redis(redis_port: int, tmp_path: Path) -> Iterator[RedisBells]:
    program, environment = redis_server()
    words = ["--port", str(redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, env=environment) as server:
        broker = RedisBells()
        try:
            wait_for(broker)
            yield broker
        finally:
            broker.connection.close()
            server.terminate()


def redis_server() -> tuple[str, dict[str, str]]:
    """Give a server's program and its environment: the machine's own, else Debian's, unpacked beside it."""
    if installed := shutil.which("redis-server"):
        return installed, dict(os.environ)
    try:
        root = debian.tree("redis", ["redis-server", "redis-tools"])
    except debian.PackagesMissing as missing:
        pytest.skip(str(missing))
    return str(root / "usr/bin/redis-server"), debian.environment(root)


def wait_for(broker: RedisBells) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with suppress(RedisConnectionError):
            broker.connection.ping()
            return
        time.sleep(0.05)
    pytest.fail("redis-server does not answer")


def heard(broker: RedisBells) -> list[tuple[str, tuple[Any, ...]]]:  # Any: a task's arguments
    """Take all bells: task and arguments."""
    found = []
    queue: Any = broker  # django-q2 has no types
    while queue.queue_size():
        packed: bytes = queue.dequeue()[0][1]
        task: Any = SignedPackage.loads(packed)
        found.append((task["func"], task["args"]))
    return found


def test_a_bell_is_heard_once_committed(redis: RedisBells) -> None:
    with transaction.atomic():
        bells.ring()
        assert heard(redis) == []
    assert heard(redis) == [("verification.tasks.run_drain", ())]


def test_a_bell_of_what_was_taken_back_is_never_rung(redis: RedisBells) -> None:
    with transaction.atomic():
        bells.ring()
        transaction.set_rollback(True)
    assert heard(redis) == []


def test_without_redis_the_rows_are_committed_and_nobody_fails(
    redis_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with transaction.atomic():
        bells.ring()
    assert time.monotonic() - began < 2
    assert [record.message for record in caplog.records] == ["no bell for verification.tasks.run_drain"]
