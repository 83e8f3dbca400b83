"""Settings that are wrong fail at start, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "PATH": os.defpath,
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "k" * 60,
    "DATABASE_URL": "postgres://portal@127.0.0.1:1/portal",
}
SHOW = "from portal import settings; print(settings.MAIL_WORLD, settings.DATABASES['default']['OPTIONS']['options'])"


def load(changes: dict[str, str]) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in {**GOOD, **changes}.items() if value}
    return subprocess.run([sys.executable, "-c", SHOW], cwd=ROOT, env=given, capture_output=True, text=True)


def test_good_settings_load() -> None:
    done = load({"PORTAL_ROLE": "web"})
    assert done.stdout == "True -c statement_timeout=15000 -c idle_in_transaction_session_timeout=10000\n"


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("f" * 60)
    assert load({"SECRET_KEY": "", "SECRET_KEY_FILE": str(tmp_path / "key")}).returncode == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "sqlite:///x"}, "must name a Postgres database"),
        ({"PORTAL_ROLE": "king"}, "PORTAL_ROLE is 'king'"),
        ({"PRODUCTION": "1", "MAIL_WORLD": "1"}, "not in production"),
        ({"PRODUCTION": "1", "ALLOWED_NETWORKS": "10.0.0.0/8"}, "not in production"),
        ({"PRODUCTION": "1", "FAILPOINT": "flush_locked"}, "not in production"),
        ({"PRODUCTION": "1", "KILLERS": "1"}, "not in production"),
    ],
)
def test_bad_settings_are_refused(changes: dict[str, str], words: str) -> None:
    done = load(changes)
    assert done.returncode == 1
    assert words in done.stderr
