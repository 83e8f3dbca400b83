"""./run as people use it: a real start with a data folder and port of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
UNWANTED = ("DATABASE_URL", "SECRET_KEY", "PORTAL_ROLE", "PUBLIC_URL", "PRODUCTION", "MAIL_WORLD")
START_SECONDS = 90  # a first start on a busy machine
STOP_SECONDS = 10


@pytest.fixture
def surroundings() -> Iterator[dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="portal run "))
    folder.chmod(0o711)  # as root, the database's user must get there
    given = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    yield given | {"PORTAL_DATA": str(folder / "data"), "PORT": str(free_port()), "ENV_FILE": os.devnull}
    while left := processes_of(folder):  # of a test that failed midway
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    shutil.rmtree(folder)


def run(surroundings: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "run", *words], env=surroundings, cwd="/", capture_output=True, text=True, timeout=60)


class Started:
    """A running ./run; what it says goes to a file."""

    def __init__(self, surroundings: dict[str, str]) -> None:
        self.data = Path(surroundings["PORTAL_DATA"])
        self.url = f"http://127.0.0.1:{surroundings['PORT']}"
        self.said = self.data.with_name("said")
        with self.said.open("w") as output:
            self.process = subprocess.Popen([ROOT / "run"], env=surroundings, cwd="/", stdout=output, stderr=output)
        self._wait_for_greeting()

    def _wait_for_greeting(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while f"Ready: {self.url}" not in self.said.read_text():
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.1)

    def answers(self) -> int:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=10) as response:
            return int(response.status)

    def first_run(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data / "first-run.json").read_text())
        return found

    def end(self, kind: signal.Signals) -> None:
        """Tell it to stop; neither it nor anything it started may be there afterwards."""
        self.process.send_signal(kind)
        told = time.monotonic()
        assert self.process.wait(STOP_SECONDS) == 0
        while processes_of(self.data):
            assert time.monotonic() - told < STOP_SECONDS, processes_of(self.data)
            time.sleep(0.05)


def processes_of(data: Path) -> dict[int, str]:
    """Give all processes that know of a data folder, by environment or command line, but the tests'."""
    found, mark = {}, str(data).encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark in (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def test_start_stop_and_start_again(surroundings: dict[str, str]) -> None:
    started = Started(surroundings)
    assert started.answers() == 200
    first = started.first_run()
    assert first["url"] == started.url
    assert all(first[name] in started.said.read_text() for name in ("customer_password", "license_key"))

    second = run(surroundings)
    assert (second.returncode, second.stderr) == (1, f"run: already running: {started.url}\n")
    beside = run(
        surroundings, "shell", "-v", "0", "-c", "from accounts.models import User; print(User.objects.count())"
    )
    assert (beside.returncode, beside.stdout) == (0, "3\n")
    started.end(signal.SIGTERM)

    alone = run(surroundings, "shell", "-v", "0", "-c", "from accounts.models import User; print(User.objects.count())")
    assert (alone.returncode, alone.stdout) == (0, "3\n")
    assert processes_of(started.data) == {}

    again = Started(surroundings)
    assert again.first_run() == first
    again.end(signal.SIGINT)


def test_a_taken_port_is_told(surroundings: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(surroundings["PORT"])))
        other.listen()
        refused = run(surroundings)
    assert refused.returncode == 1
    assert (
        refused.stderr == f"run: port {surroundings['PORT']} of 127.0.0.1 is taken; choose another: PORT=8001 ./run\n"
    )


def test_production_wants_its_secrets(surroundings: dict[str, str]) -> None:
    refused = run(surroundings | {"PRODUCTION": "1"})
    assert refused.returncode == 1
    assert refused.stderr.endswith("run: PRODUCTION is set: set SECRET_KEY and DATABASE_URL, too.\n")
