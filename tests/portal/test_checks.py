from __future__ import annotations

import os
import sys

import pytest

from portal import checks
from portal.checks import Check


def test_a_passing_check_says_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.passes(Check("good", [sys.executable, "-c", "print('chatter')"]), os.environ)
    said = capsys.readouterr().out
    assert said.startswith("ok     good (")
    assert "chatter" not in said


def test_a_failing_check_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert not checks.passes(Check("bad", [sys.executable, "-c", "exit('the reason')"]), os.environ)
    assert capsys.readouterr().out.split("\n")[1] == "the reason"


def test_deployment_is_checked_as_in_production() -> None:
    code = "import os; exit(os.environ.get('PRODUCTION') != '1')"
    assert checks.passes(Check("deploy", [sys.executable, "-c", code], production=True), {})
    assert not checks.passes(Check("other", [sys.executable, "-c", code]), {})


def test_the_summary_names_all_of_them() -> None:
    lines = checks.summary(["mypy"]).strip().split("\n")
    assert len(lines) == 1 + len(checks.CHECKS)
    assert "  FAILED mypy" in lines
    assert sum("FAILED" in line for line in lines) == 1
