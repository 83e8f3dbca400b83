"""The product itself, started as a newcomer starts it, and a real browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


@dataclass(frozen=True)
class Portal:
    """A running product: first-run.json's members."""

    url: str
    staff_email: str
    staff_password: str
    customer_email: str
    customer_password: str
    license_key: str
    sandbox_key: str


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    """Start everything with an embedded Postgres of its own; stop it with SIGTERM."""
    data = Path(tempfile.mkdtemp(prefix="portal data "))
    data.chmod(0o711)  # Postgres, which is not root, must get through
    own = ("DATABASE_URL", "SECRET_KEY", "PORTAL_ROLE", "DJANGO_SETTINGS_MODULE", "STAFF_SECOND_FACTOR")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    environment |= {
        "PORTAL_DATA": str(data),
        "RETRY_MINUTES": "0.02",
        "PORT": str(free_port()),
        "MAIL_WORLD_DNS": f"127.1.0.53:{free_port('127.1.0.53')}",
        "MAIL_WORLD_SMTP_PORT": str(free_port()),
    }
    log = (data / "log").open("wb")
    command = [sys.executable, "-m", "portal.launcher"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield wait_for_first_run(process, data)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)
        log.close()
        shutil.rmtree(data, ignore_errors=True)


def wait_for_first_run(process: subprocess.Popen[bytes], data: Path) -> Portal:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, (data / "log").read_text()
        if (data / "first-run.json").exists():
            portal = Portal(**json.loads((data / "first-run.json").read_text()))
            if answers(portal):
                return portal
        time.sleep(0.1)
    raise AssertionError(f"not up within 60 s:\n{(data / 'log').read_text()}")


def answers(portal: Portal) -> bool:
    host, port = portal.url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Give a browser for one test: its event loop runs in our thread, where no other test could run one meanwhile."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()
