"""A machine of its own for the mail servers: network, mounts and process ids that end with it.

`enter` starts a command inside.  What that writes to /etc, /usr, /run, /var/spool and /var/lib stays in memory, what it
starts dies with it, and no packet leaves it, for its only network device is a loopback.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path

from tests.mailservers import packages

SYSTEM_USERS = ("postfix", "postdrop", "postgrey", "Debian-exim", "greylist", "opensmtpd", "opensmtpq", "vmail")
FIRST_UID = 61_000
TOOLS = ("unshare", "mount", "ip")


def refusal() -> str:
    """Tell why there can be no sandbox here, "" when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "real mail servers need root on Linux: they run in a network namespace"
    if missing := [tool for tool in TOOLS if not shutil.which(tool)]:
        return f"real mail servers need {', '.join(missing)}: packages util-linux, mount, iproute2"
    if "overlay" not in Path("/proc/filesystems").read_text():
        return "real mail servers need overlayfs, which this kernel does not know"
    probe = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else f"no namespaces here: {probe.stderr.decode().strip()}"


def enter(module: str, arguments: Iterable[str], seconds: float) -> int:
    """Run `python -m module WORK …` inside, WORK an empty folder in memory; give its exit code, 124 when too slow.

    Whether by its end, a signal, or the death of this process: nothing that was started inside outlives it.
    """
    work = tempfile.mkdtemp(prefix="candour-mailservers-")
    namespaces = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    command = ["unshare", *namespaces, sys.executable, "-m", module, work, *arguments]
    before = signal.signal(signal.SIGTERM, _interrupt)
    # The end of file on its input tells that we are gone; Ctrl-C is for us to hear.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        print(f"stopped: not done after {seconds:.0f} s", file=sys.stderr)
        return 124
    finally:
        process.kill()
        process.wait()
        signal.signal(signal.SIGTERM, before)
        os.rmdir(work)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def furnish(work: Path, addresses: Iterable[str], name_server: str) -> None:
    """Inside: put the packages over /usr and /etc, add their users, and give the loopback its addresses."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(work))
    for name in ("usr", "etc"):
        upper, scratch = work / f".{name}", work / f".{name}.scratch"
        upper.mkdir()
        scratch.mkdir()
        lower = ":".join([*(str(tree / name) for tree in packages.trees() if (tree / name).is_dir()), f"/{name}"])
        layers = f"lowerdir={lower},upperdir={upper},workdir={scratch}"
        _run("mount", "-t", "overlay", "overlay", "-o", layers, f"/{name}")
    for folder in ("/run", "/var/spool", "/var/lib"):
        _run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    _add_users()
    _write(Path("/etc/resolv.conf"), f"nameserver {name_server}\noptions timeout:2 attempts:1\n")
    _run("ip", "link", "set", "lo", "up")
    lines = "".join(f"address add {address}/32 dev lo\n" for address in addresses)
    subprocess.run(["ip", "-batch", "-"], input=lines, text=True, check=True)


def _end_with_parent() -> None:
    """Take everything down when the process that entered the sandbox is gone."""
    os.read(0, 1)
    os._exit(1)


def _add_users() -> None:
    known = {line.split(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    new = [(name, FIRST_UID + number) for number, name in enumerate(SYSTEM_USERS) if name not in known]
    groups = {line.split(":")[0] for line in Path("/etc/group").read_text().splitlines()}
    with open("/etc/passwd", "a") as passwd, open("/etc/group", "a") as group:
        for name, number in new:
            passwd.write(f"{name}:x:{number}:{number}::/var/empty:/usr/sbin/nologin\n")
            if name not in groups:
                group.write(f"{name}:x:{number}:\n")


def _write(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # it may be a link to elsewhere
    path.write_text(text)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
