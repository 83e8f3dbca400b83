from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.factories import make_staff


@pytest.fixture
def plain_files(settings: Settings, tmp_path: Path) -> None:
    """Serve pages without collected static files, and keep uploads apart."""
    settings.UPLOADS = tmp_path / "uploads"
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def staff() -> User:
    return make_staff()


@pytest.fixture
def page(client: Client, staff: User) -> Client:
    client.force_login(staff)
    return client
