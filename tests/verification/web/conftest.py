from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _pages(settings: Settings, tmp_path: Path) -> None:
    """Serve pages without collected static files, and keep uploads apart."""
    settings.UPLOADS = tmp_path / "uploads"
    settings.STATIC_ROOT = tmp_path
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": plain}
