from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

pytest_plugins = ["tests.fixtures_mail_world"]


@pytest.fixture(scope="session", autouse=True)
def _static_root() -> None:
    """Have the folder of collected files, whose absence whitenoise warns of, though nothing is collected."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)
