"""Web processes that are meant to die: `python -m tests.chaos.post_server PORT [CONTROL]` starts one for each line it
reads, and tells its pid.

All is loaded before the first, so that a fork serves within some hundredths of a second.  It serves the product's own
ASGI application by its own kind of server; only a turn under an Idempotency-Key is lost sooner, so that nobody waits
two minutes for it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
CONTROLS = ("no-transaction", "no-memory")


def main(port: int, control: str = "") -> None:
    django.setup(set_prefix=False)
    import uvicorn
    from django.conf import settings
    from django.urls import get_resolver

    from portal.http.application import build
    from portal.http.protocol import UnencodedTargets
    from verification.api import idempotent
    from verification.domain import idempotency

    idempotent.LEASE_SECONDS, idempotency.PATIENCE_SECONDS = 5.0, 0.5
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns without it
    sabotage(control)
    assert get_resolver().url_patterns
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # reaps
    for _ in sys.stdin:
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        config: dict[str, Any] = {"port": port, "http": UnencodedTargets, "log_config": None}  # Any: uvicorn's
        uvicorn.run(build(), **config, access_log=False, ws="none")
        os._exit(0)


def sabotage(control: str) -> None:
    """Break a guard, so that the oracle is seen to go red."""
    from verification.api import idempotent, jobs
    from verification.domain import intake

    if control == "no-transaction":  # a request's rows are written one after the other
        vars(intake)["transaction"] = vars(idempotent)["transaction"] = NoTransaction
    elif control == "no-memory":  # a second request under a key is a second job
        vars(jobs)["once"] = lambda view, request, work, again: idempotent.answer(work())  # noqa: ARG005


class NoTransaction:
    """In place of django.db.transaction."""

    atomic = nullcontext


class Servers:
    """Starts web processes on one port, one at a time, and kills them."""

    def __init__(self, port: int, database_url: str, control: str = "") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.pid = 0
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.post_server", str(port), *filter(None, [control])],
            env=os.environ | {"DATABASE_URL": database_url, "LOG_LEVEL": "ERROR"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self) -> None:
        assert self.process.stdin, "a pipe"
        assert self.process.stdout, "a pipe"
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.pid = int(self.process.stdout.readline())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        while os.path.exists(f"/proc/{self.pid}"):
            pass

    def end(self) -> None:
        with self.process:
            self.process.terminate()


@contextmanager
def servers(port: int, database_url: str, control: str = "") -> Iterator[Servers]:
    """Give a source of web processes; at the end none is left."""
    source = Servers(port, database_url, control)
    try:
        yield source
    finally:
        if source.pid:
            source.kill()
        source.end()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
