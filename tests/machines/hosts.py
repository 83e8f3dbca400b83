"""A database server on a bridge, and hosts that run the product, each a network and a process namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg

from portal import postgres_files, postgres_guard
from portal.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "10.99.0"
SERVER = f"{NETWORK}.254"
SETTINGS = {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "of-the-machines-" * 4,
    "BIND_ADDRESS": "0.0.0.0",
    "PUBLIC_URL": f"http://{NETWORK}.1:8000",
    "ALLOWED_HOSTS": f"{NETWORK}.1",
    "LOG_LEVEL": "WARNING",
    "RETRY_MINUTES": "0.1,0.2,0.5,1",
    "PROBE_CONCURRENCY": "100",
}


def run(*words: str) -> None:
    subprocess.run(words, check=True)


def make_network() -> None:
    """Make the bridge that joins the hosts; we are the database server on it."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "bridge0", "type", "bridge")
    run("ip", "address", "add", f"{SERVER}/24", "dev", "bridge0")
    run("ip", "link", "set", "bridge0", "up")


class Database:
    """An embedded Postgres that listens on the bridge, too."""

    def __init__(self, data: Path) -> None:
        postgres = Postgres(data)
        postgres.use()  # makes cluster and database
        url = postgres.url
        postgres.leave()
        cluster = data / "postgres" / "cluster"
        with (cluster / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")
        owner = postgres_files.database_user(cluster)
        port = int((data / "postgres" / "port").read_text())
        postgres_guard.SETTINGS |= {"listen_addresses": SERVER, "log_min_messages": "panic"}
        binaries = str(postgres_files.binaries(owner))
        plan = postgres_guard.Plan(str(data), binaries, str(cluster), port, owner.pw_uid, owner.pw_gid)
        self.server = postgres_guard.start(plan)
        self.url = url.replace("127.0.0.1", SERVER)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self.ask("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:  # Any: columns
        with psycopg.connect(self.url, connect_timeout=3) as own:
            return own.execute(statement, values).fetchall()


class Host:
    """A machine with a mail world, data folder and log of its own."""

    def __init__(self, number: int, work: Path, database_url: str) -> None:
        self.name, self.link = f"host{number}", f"link{number}"
        self.data, self.log = work / self.name, work / f"{self.name}.log"
        self.journal = work / f"{self.name}.journal"
        self.killed_at = float("inf")  # Unix seconds
        own = {"DATABASE_URL": database_url, "PORTAL_DATA": str(self.data), "MAIL_WORLD_LOG": str(self.journal)}
        self.environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **SETTINGS, **own}
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "link", "set", self.link, "master", "bridge0", "up")
        inside = ("ip", "-netns", self.name)
        run(*inside, "address", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Start a management command as the machine's first process: all others end with it."""
        machine = ["ip", "netns", "exec", self.name, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*machine, sys.executable, "manage.py", *words], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        return self.process

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.killed_at = time.time()

    def cut(self) -> None:
        run("ip", "link", "set", self.link, "down")

    def join(self) -> None:
        run("ip", "link", "set", self.link, "up")

    def heard(self) -> list[dict[str, Any]]:  # Any: JSON
        """Give what its mail world heard; the last line of a killed one may be cut."""
        lines = self.journal.read_text(encoding="ascii").split("\n")
        return [json.loads(line) for line in lines[:-1]]
