"""Who is measured: the engine, the floor, and deep-email-validator from npm; each run in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from tests import fixtures_mail_world
from tests.benchmarks.load import Load, Measure
from tests.fixtures_mail_world import MailWorld

PEER = "deep-email-validator@0.1.27"
PEER_IN_FLIGHT = (500, 1_000, 1_500, 2_000, 3_000, 4_000)
RUN_SECONDS = 900


class Failed(Exception):
    """A run ended without a measure; the text is what it said last."""


@contextmanager
def world(delay_ms: int) -> Iterator[MailWorld]:
    """Have a mail world whose every reply is so late."""
    process, running = fixtures_mail_world.start(None, "--delay-ms", str(delay_ms))
    try:
        yield running
    finally:
        fixtures_mail_world.stop(process)


def engine(load: Load) -> Measure:
    return _run(sys.executable, "-m", "tests.benchmarks.load", load=load)


def floor(load: Load) -> Measure:
    return _run(sys.executable, "-m", "tests.benchmarks.floor", load=load)


def peer(load: Load, folder: str) -> tuple[int, Measure]:
    """Give the peer's best rate over several numbers in flight, and that number."""
    script = str(Path(__file__).with_name("peer.mjs"))
    measures = {
        in_flight: _run("node", script, folder, load=replace(load, in_flight=in_flight)) for in_flight in PEER_IN_FLIGHT
    }
    best = max(measures, key=lambda in_flight: measures[in_flight].rate)
    return best, measures[best]


@contextmanager
def peer_installed() -> Iterator[tuple[str, str]]:
    """Install the peer in a temporary folder; give that, or "" and why not."""
    if not (shutil.which("node") and shutil.which("npm")):
        yield "", "no node and npm here"
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "package.json").write_text('{"name": "bench", "private": true}')
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", PEER]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
        yield (folder, "") if done.returncode == 0 else ("", "npm could not install it")


def _run(*command: str, load: Load) -> Measure:
    done = subprocess.run(
        [*command, json.dumps(asdict(load))], capture_output=True, text=True, timeout=RUN_SECONDS, env=os.environ
    )
    if done.returncode or not done.stdout:
        raise Failed(done.stderr.strip()[-500:])
    return Measure(**json.loads(done.stdout))
