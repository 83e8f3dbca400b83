"""The embedded Postgres: a server of our own in the data folder, for machines that have none.

It lives as long as somebody uses it.  Each user holds a shared lock on one file; a guard process (postgres_guard.py) is
the server's parent and stops it when it can take that lock alone, so nobody has to tell anybody, kill -9 included.

    data/postgres.path       where the cluster is, when not in data/postgres/ (see `_choose_home`)
    data/postgres/           password, port, log, locks
    <home>/cluster/          what initdb makes

As root the server runs as the system user `portal-db`: Postgres refuses uid 0.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import psycopg

from portal import postgres_files as files
from portal.postgres_guard import Plan

READY_SECONDS = 45.0  # crash recovery, or old backends that are slow to die
LEAVE_SECONDS = 8.0
DATABASE = USER = "portal"
logger = logging.getLogger(__name__)
_guards: dict[Path, subprocess.Popen[bytes]] = {}  # they may outlive us; kept so that Python does not complain of it


class PostgresFailed(Exception):
    """The embedded Postgres cannot be used; the text says why."""


class Postgres:
    """One user of the embedded Postgres of a data folder."""

    def __init__(self, data: Path, *, throwaway: bool = False) -> None:
        self.data = data
        self.folder = data / "postgres"
        self.throwaway = throwaway
        self._users: int | None = None

    @property
    def url(self) -> str:
        """The DATABASE_URL; valid while in use."""
        port = (self.folder / "port").read_text().strip()
        return f"postgres://{USER}:{self._password()}@127.0.0.1:{port}/{DATABASE}"

    def use(self) -> str:
        """Start the server unless it runs, and keep it running until `leave` or our end.  Raises PostgresFailed."""
        try:
            self._prepare_folder()
            self._users = files.lock(self.folder / "users", fcntl.LOCK_SH)
            self.ensure()
        except (OSError, subprocess.SubprocessError, files.FilesFailed) as error:
            self.leave()
            raise PostgresFailed(f"The embedded Postgres does not start: {error}") from error
        except PostgresFailed:
            self.leave()
            raise
        return self.url

    def ensure(self) -> None:
        """Bring server and guard back if they are gone.  Raises PostgresFailed."""
        starting = files.lock(self.folder / "start", fcntl.LOCK_EX)
        try:
            if self._is_guarded() and self._answers():
                return
            if not self._is_guarded():
                self._spawn_guard(self._make_plan())
            self._wait_until_ready()
        finally:
            os.close(starting)

    def leave(self) -> None:
        """Stop using the server; when we were the last, wait until it has ended."""
        if self._users is None:
            return
        users, self._users = self._users, None
        last = files.upgrade(users)
        os.close(users)
        deadline = time.monotonic() + LEAVE_SECONDS
        while last and self._is_guarded() and time.monotonic() < deadline:
            time.sleep(0.05)
        if last and self.folder in _guards:
            _guards.pop(self.folder).wait(LEAVE_SECONDS)

    def revive(self) -> None:
        """Bring a killed guard back, without waiting: for a supervisor's loop.  The guard sees to the server.

        Raises PostgresFailed when there is nothing left to start.
        """
        if self._users is None or self._is_guarded():
            return
        try:
            cluster = _home(self.data, self.folder) / "cluster"
            if not cluster.exists():
                raise PostgresFailed(f"The embedded Postgres is gone: {cluster} does not exist.")
            self._spawn_guard(self._plan_for(cluster, int((self.folder / "port").read_text())))
        except (OSError, ValueError, files.FilesFailed) as error:
            raise PostgresFailed(f"The embedded Postgres cannot be started again: {error}") from error

    # -- parts

    def _prepare_folder(self) -> None:
        self.data.mkdir(mode=0o711, parents=True, exist_ok=True)
        if not self.folder.exists():
            self.folder.mkdir(exist_ok=True)
            self.folder.chmod(0o711)
        if not os.access(self.folder, os.W_OK):
            raise PostgresFailed(
                f"{self.folder} belongs to somebody else; start as that user, or choose another PORTAL_DATA."
            )

    def _password(self) -> str:
        return (self.folder / "password").read_text().strip()

    def _is_guarded(self) -> bool:
        return files.is_locked(self.folder / "guard")

    def _make_plan(self) -> Plan:
        """Choose place and port, and make the cluster if there is none."""
        cluster = _choose_home(self.data, self.folder) / "cluster"
        if not cluster.exists():
            self._make_cluster(cluster)
        elif not (self.folder / "password").exists():
            raise PostgresFailed(f"{self.folder / 'password'} is lost; without it {cluster} cannot be opened.")
        files.forget_dead_postmaster(cluster)
        return self._plan_for(cluster, self._choose_port())

    def _plan_for(self, cluster: Path, port: int) -> Plan:
        owner = _owner(cluster)
        uid, gid = (owner.pw_uid, owner.pw_gid) if owner else (None, None)
        return Plan(str(self.folder), str(files.binaries(owner)), str(cluster), port, uid, gid, self.throwaway)

    def _make_cluster(self, cluster: Path) -> None:
        """Run initdb beside the final place, so that a killed one leaves nothing half made.  Raises FilesFailed."""
        owner = _owner(cluster)
        unfinished = cluster.with_name("cluster.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        password, handed = self.folder / "password", cluster.with_name("password.handed")
        files.write_private(password, secrets.token_hex(24))
        files.write_private(handed, self._password())
        if owner:
            os.chown(unfinished, owner.pw_uid, owner.pw_gid)
            os.chown(handed, owner.pw_uid, owner.pw_gid)
        try:
            files.run_as(owner, [*self._initdb(files.binaries(owner), unfinished), f"--pwfile={handed}"])
        finally:
            handed.unlink(missing_ok=True)
        unfinished.rename(cluster)

    def _initdb(self, binaries: Path, cluster: Path) -> list[str]:
        command = [str(binaries / "initdb"), "-D", str(cluster), "-U", USER, "-E", "UTF8", "--auth=scram-sha-256"]
        # Postgres' own C.UTF-8: sorts alike on every machine and never changes with the system's libraries
        command += ["--locale=C.UTF-8", "--locale-provider=builtin", "--no-instructions"]
        return [*command, "--no-sync"] if self.throwaway else command

    def _choose_port(self) -> int:
        """Keep the port of last time if it is free, else take any free one."""
        kept = self.folder / "port"
        with suppress(OSError, ValueError):
            port = int(kept.read_text())
            if port_is_free("127.0.0.1", port):
                return port
        port = free_port()
        kept.write_text(f"{port}\n")
        return port

    def _spawn_guard(self, plan: Plan) -> None:
        if former := _guards.pop(self.folder, None):
            former.wait(LEAVE_SECONDS)
        log = self.folder / "log"
        with suppress(FileNotFoundError):
            if log.stat().st_size > 10_000_000:
                log.rename(log.with_name("log.1"))
        with log.open("ab") as output:
            _guards[self.folder] = subprocess.Popen(
                [sys.executable, "-m", "portal.postgres_guard", json.dumps(asdict(plan))],
                cwd=Path(__file__).resolve().parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + 10
        while not self._is_guarded() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if time.monotonic() > deadline or not self._is_guarded():
                raise PostgresFailed(f"The embedded Postgres does not answer. Its last words, in {self._last_words()}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Tell whether our own server answers (any other may listen on that port), and make our database in it."""
        try:
            with psycopg.connect(self._maintenance_url(), connect_timeout=3, autocommit=True) as connection:
                shown = connection.execute("SHOW data_directory").fetchone()
                if shown is None or shown[0] != str(self._cluster()):
                    return False
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except (psycopg.Error, OSError):
            return False
        return True

    def _maintenance_url(self) -> str:
        return self.url.removesuffix(DATABASE) + "postgres"

    def _cluster(self) -> Path:
        return _home(self.data, self.folder) / "cluster"

    def _last_words(self) -> str:
        log = self.folder / "log"
        lines = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
        return "\n  ".join([f"{log}:", *lines])


def _owner(cluster: Path) -> files.Owner:
    return files.database_user(cluster) if os.geteuid() == 0 else None


def _home(data: Path, folder: Path) -> Path:
    noted = data / "postgres.path"
    return Path(noted.read_text().strip()) if noted.exists() else folder


def _choose_home(data: Path, folder: Path) -> Path:
    """Decide once where the cluster lives.

    In the data folder, unless we are root and the database's user cannot get there (a checkout under a 0700 home): then
    in /var/lib/portal/<hash of the data folder's path>.
    """
    if (data / "postgres.path").exists() or (folder / "cluster").exists() or os.geteuid() != 0:
        return _home(data, folder)
    if files.reaches(files.database_user(None), folder):
        return folder
    home = files.outside_home(data)
    (data / "postgres.path").write_text(f"{home}\n")
    return home


def port_is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port
