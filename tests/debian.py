"""Debian packages that tests need: downloaded by apt and unpacked beside the machine's own, never installed.

Installing a server would start it, and some exclude each other.  Only root may ask apt for a download.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CACHE = Path("/var/cache/candour-test-packages")
DOWNLOAD_SECONDS = 120


class PackagesMissing(Exception):
    """The packages could not be had; the text says why."""


def tree(name: str, packages: Sequence[str]) -> Path:
    """Give the root of the packages unpacked as one tree, made when missing.  Raises PackagesMissing."""
    root = CACHE / name
    if root.is_dir():
        return root
    if os.geteuid() != 0 or not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise PackagesMissing(
            f"Debian's {', '.join(packages)}: only root can fetch them here, with apt-get and dpkg-deb"
        )
    with _only_one():
        if not root.is_dir():
            _run("apt-get", "update", "-q")
            _unpack(root, packages)
    return root


def environment(root: Path) -> dict[str, str]:
    """Give what a program of the tree needs to find its libraries there."""
    libraries = sorted({str(library.parent) for library in root.rglob("*.so.*")})
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


@contextmanager
def _only_one() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = os.open(CACHE, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _unpack(root: Path, packages: Sequence[str]) -> None:
    """Unpack packages, and what they need that this machine has not."""
    archives, unfinished = root.with_suffix(".archives"), root.with_suffix(".unfinished")
    for folder in (archives, unfinished):
        shutil.rmtree(folder, ignore_errors=True)
    (archives / "partial").mkdir(parents=True)
    download = ("install", "-q", "-y", "--no-install-recommends", "--download-only", "--reinstall")
    _run("apt-get", *download, "-o", f"Dir::Cache::archives={archives}", *packages)
    for archive in sorted(archives.glob("*.deb")):
        _run("dpkg-deb", "-x", str(archive), str(unfinished))
    shutil.rmtree(archives)
    unfinished.rename(root)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise PackagesMissing(f"{' '.join(command)} took longer than {DOWNLOAD_SECONDS} s") from error
    if done.returncode:
        raise PackagesMissing(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
