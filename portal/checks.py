"""`./run test`: everything that must hold before a change is kept."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from portal.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OWN_SETTINGS = (  # of the caller, or of .env: tests bring their own
    *("PRODUCTION", "DEBUG", "ALLOWED_HOSTS", "PUBLIC_URL", "PORTAL_ROLE", "MAIL_WORLD", "MAIL_WORLD_DNS"),
    *("MAIL_WORLD_SMTP_PORT", "HELO_NAME", "PROBE_SENDER", "ALLOWED_NETWORKS", "RESOLVERS", "SOURCE_ADDRESSES", "PORT"),
    *("PORT_25_HOSTS", "BLOCKLISTS"),
    *("SIGN_UP", "SIGN_UP_QUOTA", "STAFF_SECOND_FACTOR", "EMAIL_BACKEND"),
)


@dataclass(frozen=True)
class Check:
    name: str
    command: Sequence[str]
    production: bool = False  # run with production-like settings


def tool(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


CHECKS = (
    Check("ruff check", tool("ruff", "check", "--quiet")),
    Check("ruff format", tool("ruff", "format", "--check", "--quiet")),
    Check("lock", tool("uv", "lock", "--check", "--offline", "--quiet")),
    Check("import contracts", [str(Path(sys.executable).with_name("lint-imports"))]),
    Check("mypy", tool("mypy")),
    Check("migrations", [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"]),
    Check("deploy", [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], production=True),
)


def run(arguments: Sequence[str]) -> int:
    """Run all checks, then pytest, whose words are the last; gives 0 when all of them passed."""
    if importlib.util.find_spec("pytest") is None:
        print("run: the tests need the development tools, which are left out when PRODUCTION is set.", file=sys.stderr)
        return 1
    with surroundings() as environment:
        browser = find_browser()
        failed = [check.name for check in CHECKS if not passes(check, environment)]
        print(summary(failed), flush=True)
        if browser is None and os.environ.get("CI"):
            print("run: Chromium is missing and could not be installed; in CI that is a failure.", file=sys.stderr)
            return 1
        tests = tool("pytest", "-n", "2", "--dist", "loadgroup", *([] if browser else ["-m", "not e2e"]), *arguments)
        tested = subprocess.run(tests, cwd=ROOT, env=environment).returncode
    return tested or int(bool(failed))


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """Give an environment with a throw-away Postgres and data folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="portal-test-"))
    folder.chmod(0o711)
    postgres = Postgres(folder / "server", throwaway=True)
    try:
        environment = {name: value for name, value in os.environ.items() if name not in OWN_SETTINGS}
        environment |= {
            "DATABASE_URL": postgres.use(),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "PORTAL_DATA": str(folder / "data"),
            "ENV_FILE": os.devnull,
            "STAFF_SECOND_FACTOR": "1",
        }
        yield environment
    finally:
        postgres.leave()
        shutil.rmtree(folder, ignore_errors=True)


def passes(check: Check, environment: Mapping[str, str]) -> bool:
    """Run one check and show what it says if it fails."""
    started = time.monotonic()
    settings = {"PRODUCTION": "1", "ALLOWED_HOSTS": "portal.example.com", "PUBLIC_URL": "https://portal.example.com"}
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        env={**environment, **(settings if check.production else {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(
        f"{'ok    ' if done.returncode == 0 else 'FAILED'} {check.name} ({time.monotonic() - started:.1f} s)",
        flush=True,
    )
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


def summary(failed: Sequence[str]) -> str:
    outcomes = [f"  {'FAILED' if check.name in failed else 'ok    '} {check.name}" for check in CHECKS]
    return "\n".join(["", "Checks before the tests:", *outcomes, ""])


def find_browser() -> str | None:
    """Give the Chromium that browser tests drive; as root it is installed when missing."""
    found = installed_browser()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        print("run: installing Debian's chromium for the browser tests", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "chromium"]):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL)
        found = installed_browser()
    if found is None:
        print("run: no Chromium, so the browser tests are left out. On Debian: apt install chromium", flush=True)
    return found


def installed_browser() -> str | None:
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
