"""docs/api/programs.md: each of its programs is run by itself, all against one server at work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.factories import make_account, make_key
from tests.verification.api.test_live import url
from tests.verification.api.test_quick_start import assert_said, blocks, working_off

__all__ = ["url"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

GUIDE = Path("docs/api/programs.md")
COMMANDS = {"sh": ["sh", "-s"], "python": [sys.executable, "-"]}


def test_each_program(url: str, settings: Settings, tmp_path: Path) -> None:
    settings.RUN_DIR = tmp_path
    environment = {"PATH": os.environ["PATH"], "URL": url, "KEY": make_key(make_account(monthly_quota=100))[1]}
    programs = [block for block in blocks(GUIDE.read_text(encoding="utf-8")) if block[0]]

    assert [language for language, *_ in programs] == ["sh", "python"] * 3
    with working_off():
        for language, code, said in programs:
            done = subprocess.run(
                COMMANDS[language],
                input=code,
                env=environment,
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), code
            assert_said(done.stdout, said)
