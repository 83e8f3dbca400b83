"""The parent of the embedded Postgres: restarts it when it dies, stops it when its last user has gone.

python -m portal.postgres_guard '<Plan as JSON>'
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from portal import postgres_files as files

POLL_SECONDS = 0.1
RETRY_SECONDS = 0.5
GIVE_UP_AFTER = 20  # starts in a row that ended at once: 10 s and more
PR_SET_PDEATHSIG = 1
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}


@dataclass(frozen=True)
class Plan:
    """All that the guard needs to know."""

    folder: str  # locks and log
    binaries: str
    cluster: str
    port: int
    uid: int | None = None
    gid: int | None = None
    throwaway: bool = False  # no fsync, and `folder` is removed at the end


def end_with_parent() -> None:
    """Ask the kernel for a fast shutdown of the server if we are killed; called in the child, its user changed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)


def start(plan: Plan) -> subprocess.Popen[bytes]:
    settings = SETTINGS | (THROWAWAY if plan.throwaway else {})
    command = [str(Path(plan.binaries) / "postgres"), "-D", plan.cluster, "-p", str(plan.port)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    groups: list[int] | None = None if plan.uid is None else []
    return subprocess.Popen(
        command,
        cwd="/",
        env=files.clean_environment(),
        stdin=subprocess.DEVNULL,
        umask=0o077,
        user=plan.uid,
        group=plan.gid,
        extra_groups=groups,
        start_new_session=True,
        preexec_fn=end_with_parent,  # one thread only
    )


def stop(server: subprocess.Popen[bytes]) -> None:
    """Shut down fast (what `pg_ctl -m fast` does), and at once when that takes too long."""
    for kind, seconds in ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0)):
        if server.poll() is None:
            server.send_signal(kind)
            try:
                server.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        return


def watch(plan: Plan, users: int) -> None:
    """Keep the server running until nobody uses it; backends left by a kill -9 hold up the next start for a while."""
    quick_ends = 0
    while quick_ends < GIVE_UP_AFTER:
        started = time.monotonic()
        server = start(plan)
        while server.poll() is None:
            if files.upgrade(users):
                stop(server)
                return
            time.sleep(POLL_SECONDS)
        quick_ends = quick_ends + 1 if time.monotonic() - started < 5 else 0
        if files.upgrade(users):
            return
        time.sleep(RETRY_SECONDS)
        files.forget_dead_postmaster(Path(plan.cluster))


def main() -> None:
    plan = Plan(**json.loads(sys.argv[1]))
    folder = Path(plan.folder)
    for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # its users' locks decide, nothing else
        signal.signal(kind, signal.SIG_IGN)
    guard = files.lock(folder / "guard", fcntl.LOCK_EX)
    users = os.open(folder / "users", os.O_RDWR)
    try:
        watch(plan, users)
        if plan.throwaway:
            shutil.rmtree(folder.parent, ignore_errors=True)
    finally:
        os.close(users)
        os.close(guard)


if __name__ == "__main__":
    main()
