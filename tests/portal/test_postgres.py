"""The embedded Postgres, really started in a folder with a space in its name."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from portal import postgres_files as files
from portal.postgres import Postgres, PostgresFailed, free_port, port_is_free


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="post gres "))
    folder.chmod(0o711)  # as root, the server's user must get there
    yield folder / "data"
    wait_until_gone(folder / "data")
    shutil.rmtree(folder)


def wait_until_gone(data: Path) -> None:
    deadline = time.monotonic() + 10
    while processes_of(data) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(data) == []


def processes_of(data: Path) -> list[int]:
    mark = str(data).encode()
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])


def value(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement.encode()).fetchone()
    return row[0] if row else None


def patient_value(url: str, statement: str) -> object:
    """Ask again while the server is on its way."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return value(url, statement)
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def test_lives_as_long_as_it_is_used_and_keeps_its_rows(data: Path) -> None:
    first, second = Postgres(data), Postgres(data)
    url = first.use()
    assert value(url, "SHOW data_directory") == str(data / "postgres" / "cluster")
    assert value(url, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == "C.UTF-8"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert second.use() == url
    first.leave()
    assert value(url, "SELECT answer FROM kept") == 42
    second.leave()
    assert processes_of(data) == []
    assert first.use() == url
    assert value(url, "SELECT answer FROM kept") == 42
    first.leave()


def test_wants_its_password(data: Path) -> None:
    postgres = Postgres(data)
    url = postgres.use()
    password = (data / "postgres" / "password").read_text()
    with pytest.raises(psycopg.OperationalError):
        value(url.replace(password, "wrong"), "SELECT 1")
    assert (data / "postgres" / "password").stat().st_mode & 0o777 == 0o600
    postgres.leave()


def test_comes_back_after_kill_9(data: Path) -> None:
    postgres = Postgres(data)
    url = postgres.use()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(postmaster(data), signal.SIGKILL)
    time.sleep(0.3)
    assert patient_value(url, "SELECT answer FROM kept") == 42
    for pid in processes_of(data):
        os.kill(pid, signal.SIGKILL)
    wait_until_gone(data)
    postgres.revive()
    assert patient_value(url, "SELECT answer FROM kept") == 42
    postgres.leave()


def test_without_its_guard_the_server_ends(data: Path) -> None:
    postgres = Postgres(data)
    url = postgres.use()
    server = postmaster(data)
    [guard] = set(processes_of(data)) - {server}
    os.kill(guard, signal.SIGKILL)
    wait_until_gone(data)
    postgres.revive()
    assert patient_value(url, "SELECT 1") == 1
    postgres.leave()


def test_a_taken_port_is_changed(data: Path) -> None:
    postgres = Postgres(data)
    postgres.use()
    postgres.leave()
    port = int((data / "postgres" / "port").read_text())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        url = postgres.use()
        assert value(url, "SELECT 1") == 1
        assert f":{port}/" not in url
    postgres.leave()


def test_a_throwaway_leaves_no_folder(data: Path) -> None:
    postgres = Postgres(data, throwaway=True)
    assert value(postgres.use(), "SHOW fsync") == "off"
    postgres.leave()
    assert not data.exists()


def test_a_lost_password_is_told(data: Path) -> None:
    postgres = Postgres(data)
    postgres.use()
    postgres.leave()
    (data / "postgres" / "password").unlink()
    with pytest.raises(PostgresFailed, match="password is lost"):
        postgres.use()


def test_what_is_gone_is_not_made_anew(data: Path) -> None:
    postgres = Postgres(data)
    postgres.use()
    for pid in processes_of(data):
        os.kill(pid, signal.SIGKILL)
    wait_until_gone(data)
    shutil.rmtree(data / "postgres" / "cluster")
    with pytest.raises(PostgresFailed, match="does not exist"):
        postgres.revive()
    assert not (data / "postgres" / "cluster").exists()
    postgres.leave()


def test_a_number_of_another_program_is_no_running_server(tmp_path: Path) -> None:
    note = tmp_path / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n")
    files.forget_dead_postmaster(tmp_path)
    assert not note.exists()


def test_a_running_server_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n")
    monkeypatch.chdir(tmp_path)
    files.forget_dead_postmaster(tmp_path)
    assert note.exists()


def test_programs_for_administration_are_found_whatever_the_caller_has_in_its_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")  # as a root shell without /usr/sbin has it
    if shutil.which("useradd", path="/usr/sbin:/sbin") is None:
        pytest.skip("no useradd on this machine")
    files.run_as(None, ["useradd", "--help"])


def test_private_files_are_private(tmp_path: Path) -> None:
    files.write_private(tmp_path / "secret", "x")
    assert (tmp_path / "secret").read_text() == "x"
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_free_ports_are_free() -> None:
    assert port_is_free("127.0.0.1", free_port())
