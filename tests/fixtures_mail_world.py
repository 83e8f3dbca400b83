"""The fixture `mail_world`: the mail world as a process of its own, once per test session and xdist worker."""

from __future__ import annotations

import json
import random
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from verification.engine.config import EngineConfig

_HOST = "127.1.0.53"
_START_SECONDS = 30
_LOG_SECONDS = 0.6  # the log is written five times a second


@dataclass(frozen=True)
class MailWorld:
    """A running mail world.  `dns` is "host:port"."""

    dns: str
    smtp_port: int
    log: Path

    @property
    def dns_endpoint(self) -> tuple[str, int]:
        host, _, port = self.dns.partition(":")
        return host, int(port)

    def engine_config(self, **overrides: Any) -> EngineConfig:  # Any: the fields of EngineConfig
        settings: dict[str, Any] = {
            "resolvers": (self.dns_endpoint,),
            "smtp_port": self.smtp_port,
            "helo_name": "probe.candour.test",
            "mail_from": "probe@candour.test",
            "allowed_networks": (ip_network("127.1.0.0/16"),),
            "extra_disposable": frozenset({"dea.test"}),
            "extra_spam_traps": frozenset({"trap.test"}),
        }
        return EngineConfig(**(settings | overrides))

    def heard(self) -> list[dict[str, Any]]:  # Any: JSON
        """Give the events noted so far, see docs/mail-world.md; waits for the log to be written."""
        time.sleep(_LOG_SECONDS)
        return [json.loads(line) for line in self.log.read_text("ascii").splitlines()]


def start(log: Path | None, *arguments: str) -> tuple[subprocess.Popen[str], MailWorld]:
    """Start a mail world on free ports; the caller ends the process."""
    for _ in range(5):
        dns_port, smtp_port = _free_port(), _free_port()
        command = [sys.executable, "-m", "verification.mailworld", "--dns", f"{_HOST}:{dns_port}"]
        command += ["--smtp-port", str(smtp_port), *(["--log", str(log)] if log else []), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
        if ready and process.stdout.readline().startswith("mail world: "):
            return process, MailWorld(f"{_HOST}:{dns_port}", smtp_port, log or Path("/dev/null"))
        stop(process)
    raise RuntimeError("The mail world did not start.")


def stop(process: subprocess.Popen[str]) -> float:
    """End the process; give the seconds that took."""
    began = time.monotonic()
    process.terminate()
    try:
        process.wait(10)
    finally:
        process.kill()
        process.communicate()
    return time.monotonic() - began


@pytest.fixture(scope="session")
def mail_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailWorld]:
    process, world = start(tmp_path_factory.mktemp("mail-world") / "log.jsonl")
    yield world
    stop(process)


def _free_port() -> int:
    """Choose below the ephemeral ports, so that no connection of ours takes it meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)  # not of the seed that all xdist workers share
        with socket.socket() as probe:
            try:
                probe.bind((_HOST, port))
            except OSError:
                continue
            return port
