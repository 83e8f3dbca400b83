"""A real clamd with signatures of our own: it knows the EICAR test file, and needs no download."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.postgres import free_port
from tests import debian

# In two parts: scanners of developers' machines would take this file away.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
NAME = "Candour.Test.Eicar.UNOFFICIAL"
STREAM_MEGABYTES = 2
START_SECONDS = 20


@contextmanager
def clamd(folder: Path) -> Iterator[tuple[str, str]]:
    """Run clamd; give its TCP address and its socket's path, both in the form of the setting CLAMD."""
    program, environment = server()
    database, socket_path, port = folder / "db", folder / "clamd.sock", free_port()
    database.mkdir()
    (database / "own.ndb").write_text(f"Candour.Test.Eicar:0:*:{EICAR.hex()}\n")
    config = folder / "clamd.conf"
    config.write_text(
        f"DatabaseDirectory {database}\nLocalSocket {socket_path}\nTCPSocket {port}\nTCPAddr 127.0.0.1\n"
        f"Foreground yes\nStreamMaxLength {STREAM_MEGABYTES}M\nTemporaryDirectory {folder}\n"
    )
    command = [program, "--config-file", str(config)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(socket_path, process)
            yield f"127.0.0.1:{port}", str(socket_path)
        finally:
            process.terminate()


def server() -> tuple[str, dict[str, str]]:
    """Give the program and its environment: the machine's own, else Debian's, unpacked beside it."""
    if installed := shutil.which("clamd"):
        return installed, dict(os.environ)
    try:
        root = debian.tree("clamav", ["clamav-daemon", "clamav"])
    except debian.PackagesMissing as missing:
        pytest.skip(str(missing))
    return str(root / "usr/sbin/clamd"), debian.environment(root)


def wait_for(socket_path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not socket_path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail("clamd does not start")
        time.sleep(0.05)
