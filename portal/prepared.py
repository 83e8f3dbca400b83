"""Remembers that a data folder is prepared, so that the next start need not load Django to find nothing to do.

Only for the embedded Postgres, which nobody changes behind our back: whatever `./run COMMAND` runs may, and forgets.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "uv.lock",
    "portal/*.py",
    "portal/management/commands/*.py",
    "*/migrations/*.py",
    "static/**/*",
    "*/static/**/*",
)
APPLIED = "SELECT count(*), coalesce(max(id), 0) FROM django_migrations"


def is_current(data: Path, url: str) -> bool:
    """Tell whether the last preparation was of the same code, settings and database."""
    note = data / "prepared"
    if not all(path.exists() for path in (note, data / "static", data / "first-run.json")):
        return False
    return note.read_text(encoding="utf-8") == _fingerprint(url)


def remember(data: Path, url: str) -> None:
    (data / "prepared").write_text(_fingerprint(url), encoding="utf-8")


def forget(data: Path) -> None:
    (data / "prepared").unlink(missing_ok=True)


def _fingerprint(url: str) -> str:
    digest = hashlib.sha256(f"{url}\0{_applied()}\0".encode())
    for path in _sources():
        found = path.stat()
        digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    for pattern in SOURCES:
        yield from sorted(ROOT.glob(pattern))


def _applied() -> str:
    """Tell which migrations the database has, to notice one that was restored or reset."""
    with suppress(psycopg.Error), psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=3) as connection:
        return str(connection.execute(APPLIED).fetchone())
    return "none"
