from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from pytest_django import Settings

from verification.domain import probe_state

pytest_plugins = ["tests.fixtures_mail_world"]


@pytest.fixture(scope="session", autouse=True)
def _static_root() -> None:
    """Have the folder of collected files, whose absence whitenoise warns of, though nothing is collected."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _reachable_mail_servers() -> Iterator[None]:
    """Have nobody look whether port 25 is closed, but tests that forget it."""
    probe_state.forget()
    probe_state._memory.until = float("inf")
    yield
    probe_state.forget()


@pytest.fixture
def plain_files(settings: Settings, tmp_path: Path) -> None:
    """Serve pages without collected static files, and keep uploads apart."""
    settings.UPLOADS = tmp_path / "uploads"
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def commits_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do at once what waits for a commit, so that a test needs none: a database emptied after each is slow."""

    def do(act: Callable[[], object], *_: object, **__: object) -> None:
        act()

    monkeypatch.setattr(transaction, "on_commit", do)
