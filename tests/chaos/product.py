"""A product of our own to be harmed: a copy of the tree, run by the launcher with a data folder and port of its own."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg

from portal import processes
from portal.postgres import Postgres, free_port

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("portal", "accounts", "verification", "templates", "static", "manage.py", "pyproject.toml")
UNWANTED = (
    "DATABASE_URL",
    "SECRET_KEY",
    "PORTAL_ROLE",
    "PUBLIC_URL",
    "PRODUCTION",
    "FAILPOINT",
    "KILLERS",
    "MAIL_WORLD",
)
START_SECONDS = 90
STOP_SECONDS = 30  # promise 41
KINDS = ("web", "main", "sentinel", "drain", "queue child", "sweeper", "postgres backend")
BACKENDS = """
SELECT pid FROM pg_stat_activity
WHERE datname = 'portal' AND backend_type = 'client backend' AND application_name <> 'chaos'
"""


class Product:
    """Starts at once; `stop` ends it and whatever it left."""

    def __init__(self, settings: dict[str, str], sabotage: Callable[[Path], None] = lambda _: None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="portal-chaos-"))
        self.folder.chmod(0o711)  # as root, the database's user must get there
        self.tree, self.data = self.folder / "tree", self.folder / "data"
        copy_tree(self.tree)
        sabotage(self.tree)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.database_url = settings.get("DATABASE_URL", "")  # else the embedded one's
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(UNWANTED)}
        self.environment |= {
            "PORTAL_DATA": str(self.data),
            "PORT": self.url.rpartition(":")[2],
            "ENV_FILE": os.devnull,
            **settings,
        }
        self.log = self.folder / "log"
        self.start()

    def start(self, **settings: str) -> None:
        """Start it, with other settings than before perhaps, and wait until it is ready."""
        self.environment |= settings
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.launcher"], cwd=self.tree, env=self.environment, stdout=log, stderr=log
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self.answers() or "Ready:" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the product did not start:\n{self.log.read_text()}")
            time.sleep(0.2)

    @property
    def first_run(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.data / "first-run.json").read_text())
        return found

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:  # Any: columns
        """Ask the database; waits while it is away."""
        deadline = time.monotonic() + 60
        while True:
            try:
                url = self.database_url or Postgres(self.data).url
                with psycopg.connect(url, application_name="chaos", connect_timeout=3) as own:
                    return own.execute(statement, values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def kill_one(self, kind: str, rng: random.Random) -> int | None:
        """Send SIGKILL to a process of a kind; None when there is none at the moment."""
        found = sorted(self.processes_of(kind))
        if not found:
            return None
        pid = rng.choice(found)
        os.kill(pid, signal.SIGKILL)
        return pid

    def processes_of(self, kind: str) -> set[int]:
        if kind == "postgres backend":
            return {pid for (pid,) in self.ask(BACKENDS)}
        roster = processes.read_roster(self.data / "run")
        parts = roster.parts if roster else {}
        if kind in ("web", "sweeper"):
            return {parts[kind]} if kind in parts else set()
        main = {parts["cluster"]} if "cluster" in parts else set()
        sentinel = children(main)
        draining = self.draining()
        return {
            "main": main,
            "sentinel": sentinel,
            "drain": draining,
            "queue child": children(sentinel) - draining,
        }[kind]

    def draining(self) -> set[int]:
        """Give the processes that hold a lock of a drain."""
        inodes = {str(path.stat().st_ino) for path in (self.data / "run").glob("drain*.lock")}
        locks = (line.split() for line in Path("/proc/locks").read_text().splitlines())
        return {int(words[4]) for words in locks if "->" not in words and words[5].rpartition(":")[2] in inodes}

    def stop(self) -> set[int]:
        """End it by SIGTERM; gives the processes that are left over, which there should not be."""
        roster = processes.read_roster(self.data / "run")
        self.process.terminate()
        self.process.wait(STOP_SECONDS)
        return processes.members(roster.run) if roster else set()

    def forget(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def children(parents: set[int]) -> set[int]:
    found = set()
    for parent in parents:
        try:
            found |= {int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}
        except FileNotFoundError:
            continue
    return found


def copy_tree(to: Path) -> None:
    to.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, to / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to / part)
