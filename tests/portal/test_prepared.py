from __future__ import annotations

import os
from pathlib import Path

import pytest
from django.db import connection

from portal import prepared

URL = "http://127.0.0.1:8000"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a prepared data folder of a checkout with a lock and one migration."""
    root, data = tmp_path / "checkout", tmp_path / "data"
    (root / "accounts" / "migrations").mkdir(parents=True)
    (root / "accounts" / "migrations" / "0001_initial.py").touch()
    (root / "uv.lock").touch()
    (data / "static").mkdir(parents=True)
    (data / "first-run.json").touch()
    monkeypatch.setattr(prepared, "ROOT", root)
    prepared.remember(data, URL)
    return data


def test_what_was_prepared_is_current(data: Path) -> None:
    assert prepared.is_current(data, URL)


def test_a_new_migration_is_noticed(data: Path) -> None:
    (prepared.ROOT / "accounts" / "migrations" / "0002_more.py").touch()
    assert not prepared.is_current(data, URL)


def test_a_changed_lock_is_noticed(data: Path) -> None:
    (prepared.ROOT / "uv.lock").write_text("changed")
    assert not prepared.is_current(data, URL)


@pytest.mark.parametrize("name", ["prepared", "static", "first-run.json"])
def test_a_lost_file_is_noticed(data: Path, name: str) -> None:
    (data / name).rename(data / "elsewhere")
    assert not prepared.is_current(data, URL)


def test_another_address_is_noticed(data: Path) -> None:
    assert not prepared.is_current(data, "http://127.0.0.1:9000")


@pytest.mark.django_db
def test_another_state_of_the_database_is_noticed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    monkeypatch.setenv("DATABASE_URL", f"{server}/{connection.settings_dict['NAME']}")
    prepared.remember(data, URL)
    assert prepared.is_current(data, URL)
    monkeypatch.setenv("DATABASE_URL", f"{server}/not_there")
    assert not prepared.is_current(data, URL)


def test_forgetting_is_final(data: Path) -> None:
    prepared.forget(data)
    prepared.forget(data)
    assert not prepared.is_current(data, URL)
