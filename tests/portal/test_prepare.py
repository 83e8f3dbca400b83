from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connections
from django.db.utils import DEFAULT_DB_ALIAS
from pytest_django import Settings

from portal.management.commands import prepare


@pytest.fixture
def sources(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "a.css").write_text("a {}")
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATICFILES_DIRS = [folder]
    settings.STATIC_ROOT = tmp_path / "static"
    settings.PORTAL_DATA = tmp_path
    return folder


def test_static_files_are_collected_when_a_source_changed(sources: Path, tmp_path: Path) -> None:
    collected = tmp_path / "static" / "a.css"
    prepare.collect_static()
    assert collected.read_text() == "a {}"
    collected.write_text("untouched")
    prepare.collect_static()
    assert collected.read_text() == "untouched"
    (sources / "a.css").write_text("b {}  ")
    prepare.collect_static()
    assert collected.read_text() == "b {}  "


def test_a_lost_folder_is_made_again(sources: Path, tmp_path: Path) -> None:
    prepare.collect_static()
    (tmp_path / "static").rename(tmp_path / "elsewhere")
    prepare.collect_static()
    assert (tmp_path / "static" / "a.css").exists()


@pytest.mark.django_db
def test_migrations_hold_a_lock_that_others_wait_for() -> None:
    other = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        with prepare.one_at_a_time(), other.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [prepare.LOCK])
            assert cursor.fetchone() == (False,)
        with other.cursor() as cursor:  # free once the server has seen the holder go
            cursor.execute("SET lock_timeout = '10s'")
            cursor.execute("SELECT pg_advisory_lock(%s)", [prepare.LOCK])
    finally:
        other.close()
