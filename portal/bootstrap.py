"""Make .venv from the lock when it is missing or stale, then hand over to the launcher in it.

Run by any Python from 3.11 on, before a single dependency is there: the standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".made-from"
TRUE = {"1", "true", "yes", "on", "y", "t", "ok"}  # what django-environ takes for true
UV = "uv>=0.9,<1"


class SetupFailed(Exception):
    """The environment could not be made; the text says why and what to do."""


def wants_tools() -> bool:
    """Tell whether the development tools are wanted: always, but with PRODUCTION set (environment, else .env)."""
    value = os.environ.get("PRODUCTION")
    if value is None:
        env_file = ROOT / ".env"
        text = env_file.read_text(encoding="utf-8") if env_file.exists() else ""
        found = re.search(r"^\s*(?:export\s+)?PRODUCTION\s*=\s*['\"]?(\w+)", text, re.MULTILINE)
        value = found[1] if found else ""
    return value.lower() not in TRUE


def fingerprint() -> str:
    lock, project = (ROOT / "uv.lock").read_bytes(), (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(lock + project).hexdigest()


def is_fresh(*, tools: bool) -> bool:
    """Tell whether .venv was made from the present lock, with at least what is wanted now."""
    if not (PYTHON.exists() and STAMP.exists()):
        return False
    made_from, _, kind = STAMP.read_text(encoding="utf-8").strip().partition(" ")
    return made_from == fingerprint() and (kind == "tools" or not tools)


@contextmanager
def only_one() -> Iterator[None]:
    """Hold the checkout's lock, so that two first starts do not write into one .venv."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def make(*, tools: bool) -> None:
    """Create .venv, put uv into it and let that install exactly what the lock says.  Raises SetupFailed."""
    print("run: setting up .venv from uv.lock; this takes half a minute, once.", file=sys.stderr, flush=True)
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    environment.pop("PYTHONHOME", None)
    try:
        STAMP.unlink(missing_ok=True)
        if not PYTHON.exists():
            venv.create(VENV, with_pip=True, clear=VENV.exists(), symlinks=True)
        call([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV], environment)
        groups = [] if tools else ["--no-dev"]
        # --inexact keeps uv itself
        call([str(PYTHON), "-m", "uv", "sync", "--frozen", "--active", "--inexact", "--quiet", *groups], environment)
        STAMP.write_text(f"{fingerprint()} {'tools' if tools else 'bare'}\n", encoding="utf-8")
    except (subprocess.CalledProcessError, OSError) as error:
        raise SetupFailed(f"{VENV} could not be made: {error}") from error


def call(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=sys.stderr)


def ensure() -> None:
    """Leave a fresh .venv behind.  Raises SetupFailed."""
    tools = wants_tools()
    if is_fresh(tools=tools):
        return
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupFailed(f"{sys.executable} has no venv with pip. On Debian or Ubuntu: apt install python3-venv")
    with only_one():
        if not is_fresh(tools=tools):
            make(tools=tools)


def main() -> None:
    if os.environ.get("PORTAL_DATA"):  # as seen from where the caller stands
        os.environ["PORTAL_DATA"] = os.path.abspath(os.environ["PORTAL_DATA"])
    try:
        ensure()
    except SetupFailed as failure:
        sys.exit(f"run: {failure}")
    os.chdir(ROOT)
    os.execv(PYTHON, [str(PYTHON), "-m", "portal.launcher", *sys.argv[1:]])


if __name__ == "__main__":
    main()
