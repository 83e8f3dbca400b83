"""Bring database and static files up to date; safe to run on several machines at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from portal import first_run

LOCK = 7_242_363  # any number: the advisory lock of migrations


class Command(BaseCommand):
    help = "Migrate, make the cache table, collect static files and, in development, make the first users and keys."
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:  # Any: options are not typed by Django
        for folder in (settings.UPLOADS, settings.RUN_DIR):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with one_at_a_time():
            migrate()
            call_command("createcachetable", verbosity=0)
            if not settings.PRODUCTION:
                path = settings.PORTAL_DATA / "first-run.json"
                first_run.ensure(path=path, url=settings.PUBLIC_URL, now=timezone.now())
        collect_static()


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the database's advisory lock over a connection of its own."""
    holder = connections.create_connection("default")
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        yield
    finally:
        holder.close()


def migrate() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=1)


def collect_static() -> None:
    """Collect and compress static files when a source has changed since."""
    stamp: Path = settings.PORTAL_DATA / "static.stamp"
    present = static_fingerprint()
    if stamp.exists() and settings.STATIC_ROOT.exists() and stamp.read_text(encoding="utf-8") == present:
        return
    stamp.unlink(missing_ok=True)
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(present, encoding="utf-8")


def static_fingerprint() -> str:
    """Tell all source files' names, sizes and times in one number."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{found.st_size}\0{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()
