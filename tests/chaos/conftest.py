from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from tests.chaos.victims import Circumstances


@pytest.fixture
def circumstances(db_name: str, settings: Settings, tmp_path: Path) -> Circumstances:
    settings.RUN_DIR = settings.UPLOADS = tmp_path
    return Circumstances(db_name, tmp_path, settings={"UPLOADS": tmp_path})


@pytest.fixture
def db_name(transactional_db: None) -> str:
    return str(connection.settings_dict["NAME"])
