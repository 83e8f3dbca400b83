from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from portal import environment
from portal.environment import EnvironmentFaulty


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start from nothing but a data folder; what `read` leaves in the environment is undone."""
    for name in ("SECRET_KEY", "DATABASE_URL", "PRODUCTION", "PORT", "PUBLIC_URL", "MAIL_WORLD", "BIND_ADDRESS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name in ("MAIL_WORLD_DNS", "MAIL_WORLD_SMTP_PORT"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("PORTAL_DATA", str(tmp_path / "data"))


def test_development_needs_nothing(tmp_path: Path) -> None:
    found = environment.read()
    assert found == environment.Surroundings(
        data=tmp_path / "data",
        production=False,
        has_database=False,
        host="127.0.0.1",
        port=8000,
        url="http://127.0.0.1:8000",
        mail_world=True,
    )


def test_development_keeps_its_secret_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment.read()
    made = os.environ["SECRET_KEY"]
    monkeypatch.delenv("SECRET_KEY")
    environment.read()
    assert os.environ["SECRET_KEY"] == made
    assert (tmp_path / "data" / "secret-key").stat().st_mode & 0o777 == 0o600


def test_a_file_of_settings_is_read_and_yields_to_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=8001\nMAIL_WORLD=off\n")
    monkeypatch.setenv("PORT", "8002")
    found = environment.read()
    assert (found.port, found.url, found.mail_world) == (8002, "http://127.0.0.1:8002", False)


@pytest.mark.parametrize("given", [{}, {"SECRET_KEY": "x"}, {"DATABASE_URL": "postgres://somewhere/x"}])
def test_production_makes_no_secrets_of_its_own(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PRODUCTION": "1", **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EnvironmentFaulty, match="set SECRET_KEY and DATABASE_URL"):
        environment.read()


@pytest.mark.parametrize(("port", "words"), [("80000", "from 1 to 65535"), ("http", "cannot be read")])
def test_a_port_that_is_none_is_refused(port: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", port)
    with pytest.raises(EnvironmentFaulty, match=words):
        environment.read()


def test_the_mail_world_stays_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_WORLD_DNS", "127.1.0.54:99")
    monkeypatch.setenv("MAIL_WORLD_SMTP_PORT", "98")
    assert environment.place_mail_world() == ("127.1.0.54:99", 98)


def test_the_mail_world_moves_when_its_place_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setattr(environment, "WORLD_SMTP_PORT", other.getsockname()[1])
        monkeypatch.delenv("MAIL_WORLD_SMTP_PORT")
        _, port = environment.place_mail_world()
        assert port != other.getsockname()[1]
        assert os.environ["MAIL_WORLD_SMTP_PORT"] == str(port)
