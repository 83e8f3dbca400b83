"""docs/api/programs.md: each of its programs is run by itself, all against one server at work."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue

import pytest
from pytest_django import Settings

from tests.factories import make_account, make_key
from tests.verification.api.test_live import url
from tests.verification.api.test_quick_start import assert_said, blocks, working_off
from tests.verification.webhooks.receiver import receiving
from verification.domain.webhooks.sender import Sender

__all__ = ["url"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

GUIDE = Path("docs/api/programs.md")
COMMANDS = {"sh": ["sh", "-s"], "python": [sys.executable, "-"]}


@contextmanager
def sending() -> Iterator[None]:
    """Send webhooks meanwhile."""
    ready: Queue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def work() -> None:
        stop = asyncio.Event()
        ready.put((asyncio.get_running_loop(), stop))
        await Sender().run(stop)

    thread = threading.Thread(target=asyncio.run, args=[work()])
    thread.start()
    loop, stop = ready.get(timeout=60)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def test_each_program(url: str, settings: Settings, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path
    _, secret = make_key(make_account(monthly_quota=100))
    programs = [block for block in blocks(GUIDE.read_text(encoding="utf-8")) if block[0]]

    assert [language for language, *_ in programs] == ["sh", "python"] * 4
    with working_off(), sending(), receiving() as receiver:
        environment = {"PATH": os.environ["PATH"], "URL": url, "KEY": secret, "HOOK": receiver.url}
        for language, code, said in programs:
            done = subprocess.run(
                COMMANDS[language],
                input=code,
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), code
            assert_said(done.stdout, said)
