"""The environment that every part of a start shares, from the variables, .env and PORTAL_DATA.  No Django here."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

import environ

from portal.postgres import free_port
from portal.postgres_files import write_private

ROOT = Path(__file__).resolve().parent.parent
WORLD_DNS = "127.1.0.53:5453"
WORLD_SMTP_PORT = 2525


class EnvironmentFaulty(Exception):
    """A setting is missing or wrong; the text says which."""


@dataclass(frozen=True)
class Surroundings:
    """What the launcher needs to know before Django is there."""

    data: Path
    production: bool
    has_database: bool  # DATABASE_URL is set
    host: str
    port: int
    url: str
    mail_world: bool

    @property
    def run_dir(self) -> Path:
        return self.data / "run"


def read() -> Surroundings:
    """Read .env and the variables, and leave PORTAL_DATA (absolute) and SECRET_KEY for all children.

    Raises EnvironmentFaulty.
    """
    env = environ.FileAwareEnv()  # type: ignore[no-untyped-call]  # as in settings
    env.read_env(env.str("ENV_FILE", default=str(ROOT / ".env")))
    try:
        data = Path(env.str("PORTAL_DATA", default=str(ROOT / ".data"))).resolve()
        port = env.int("PORT", default=8000)
        production = env.bool("PRODUCTION", default=False)
        found = Surroundings(
            data=data,
            production=production,
            has_database=bool(env.str("DATABASE_URL", default="")),
            host=env.str("BIND_ADDRESS", default="127.0.0.1"),
            port=port,
            url=env.str("PUBLIC_URL", default=f"http://127.0.0.1:{port}").rstrip("/"),
            mail_world=env.bool("MAIL_WORLD", default=not production),
        )
        has_key = bool(env.str("SECRET_KEY", default=""))
    except (ValueError, OSError) as error:
        raise EnvironmentFaulty(f"A setting cannot be read: {error}") from error
    _check(found, has_key=has_key)
    os.environ["PORTAL_DATA"] = str(found.data)
    if not has_key:
        os.environ["SECRET_KEY"] = development_key(found.data)
    return found


def _check(found: Surroundings, *, has_key: bool) -> None:
    if not 0 < found.port < 65_536:
        raise EnvironmentFaulty(f"PORT is {found.port}; it must be from 1 to 65535.")
    if found.production and not (has_key and found.has_database):
        raise EnvironmentFaulty("PRODUCTION is set: set SECRET_KEY and DATABASE_URL, too.")


def development_key(data: Path) -> str:
    """Give the SECRET_KEY of a data folder, made at its first start."""
    path = data / "secret-key"
    if not path.exists():
        data.mkdir(mode=0o711, parents=True, exist_ok=True)
        write_private(path, secrets.token_urlsafe(50))
    return path.read_text(encoding="utf-8").strip()


def place_mail_world() -> tuple[str, int]:
    """Choose where the mail world listens and tell all children: as set, else the usual place, else a free one."""
    dns = os.environ.get("MAIL_WORLD_DNS") or (WORLD_DNS if _dns_is_free() else f"127.1.0.53:{free_port('127.1.0.53')}")
    port = os.environ.get("MAIL_WORLD_SMTP_PORT") or (WORLD_SMTP_PORT if _smtp_is_free() else free_port("0.0.0.0"))  # noqa: S104
    os.environ |= {"MAIL_WORLD_DNS": dns, "MAIL_WORLD_SMTP_PORT": str(port)}
    return dns, int(port)


def _dns_is_free() -> bool:
    host, port = WORLD_DNS.split(":")
    return all(_can_bind(kind, host, int(port)) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))


def _smtp_is_free() -> bool:
    return _can_bind(socket.SOCK_STREAM, "0.0.0.0", WORLD_SMTP_PORT)  # noqa: S104


def _can_bind(kind: socket.SocketKind, host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
