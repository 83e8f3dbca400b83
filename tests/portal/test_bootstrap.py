from __future__ import annotations

from pathlib import Path

import pytest

from portal import bootstrap


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a checkout with an environment that was made from its lock."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("uv.lock", "pyproject.toml", ".venv/bin/python"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / ".made-from")
    (tmp_path / ".venv" / ".made-from").write_text(f"{bootstrap.fingerprint()} tools\n")
    monkeypatch.delenv("PRODUCTION", raising=False)
    return tmp_path


def test_an_environment_of_the_present_lock_is_fresh(root: Path) -> None:
    assert bootstrap.is_fresh(tools=True)
    assert bootstrap.is_fresh(tools=False)


@pytest.mark.parametrize("name", ["uv.lock", "pyproject.toml"])
def test_a_changed_lock_makes_it_stale(root: Path, name: str) -> None:
    (root / name).write_text("changed")
    assert not bootstrap.is_fresh(tools=False)


@pytest.mark.parametrize("name", [".venv/.made-from", ".venv/bin/python"])
def test_an_unfinished_one_is_stale(root: Path, name: str) -> None:
    (root / name).unlink()
    assert not bootstrap.is_fresh(tools=False)


def test_one_without_tools_does_for_production_only(root: Path) -> None:
    (root / ".venv" / ".made-from").write_text(f"{bootstrap.fingerprint()} bare\n")
    assert bootstrap.is_fresh(tools=False)
    assert not bootstrap.is_fresh(tools=True)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", True), ("PRODUCTION=1\n", False), ("A=1\nexport PRODUCTION = 'true'\n", False), ("PRODUCTION=0\n", True)],
)
def test_tools_are_left_out_in_production(root: Path, text: str, wanted: bool) -> None:
    (root / ".env").write_text(text)
    assert bootstrap.wants_tools() is wanted


def test_the_environment_outdoes_the_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / ".env").write_text("PRODUCTION=1\n")
    monkeypatch.setenv("PRODUCTION", "no")
    assert bootstrap.wants_tools()
