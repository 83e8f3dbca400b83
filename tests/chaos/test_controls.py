"""The controls of the chaos command find what they are to break."""

from __future__ import annotations

import compileall
from pathlib import Path

import pytest

from tests.chaos.controls import CONTROLS, sabotage
from tests.chaos.product import copy_tree


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_each_control_breaks_a_copy(tmp_path: Path, name: str) -> None:
    copy_tree(tmp_path / "tree")
    sabotage(tmp_path / "tree", name)
    assert compileall.compile_file(tmp_path / "tree" / CONTROLS[name][0], quiet=1)


def test_a_text_that_is_gone_is_told(tmp_path: Path) -> None:
    copy_tree(tmp_path / "tree")
    sabotage(tmp_path / "tree", "no-expiry")
    with pytest.raises(ValueError, match=r"sweeper\.py does not contain once"):
        sabotage(tmp_path / "tree", "no-expiry")
