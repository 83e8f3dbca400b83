"""The mail servers' Debian packages: downloaded by apt and unpacked beside each other, never installed.

Postfix, Exim and OpenSMTPD exclude each other as packages, and installing one would change the machine's mail.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

CACHE = Path("/var/cache/candour-mailservers")
TREES: dict[str, tuple[str, ...]] = {
    "postfix": ("postfix", "postgrey"),
    "exim": ("exim4-daemon-heavy", "greylistd"),
    "opensmtpd": ("opensmtpd", "opensmtpd-filter-senderscore"),
}
DOWNLOAD_SECONDS = 120


class PackagesMissing(Exception):
    """The packages could not be had; the text says why."""


def trees() -> list[Path]:
    """Give the roots of the unpacked packages."""
    return [CACHE / name for name in TREES]


def are_there() -> bool:
    """Tell whether all packages were unpacked before."""
    return all(tree.is_dir() for tree in trees())


def provide() -> None:
    """Download and unpack what is missing.  Raises PackagesMissing."""
    if are_there():
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise PackagesMissing("apt-get and dpkg-deb are needed to fetch the mail servers' packages")
    _run("apt-get", "update", "-q")
    for name, packages in TREES.items():
        if not (CACHE / name).is_dir():
            _unpack(CACHE / name, packages)


def _unpack(tree: Path, packages: tuple[str, ...]) -> None:
    """Unpack packages, and what they need that this machine has not, as one tree."""
    archives, unfinished = tree.with_suffix(".archives"), tree.with_suffix(".unfinished")
    for folder in (archives, unfinished):
        shutil.rmtree(folder, ignore_errors=True)
    (archives / "partial").mkdir(parents=True)
    download = ("install", "-q", "-y", "--no-install-recommends", "--download-only", "--reinstall")
    _run("apt-get", *download, "-o", f"Dir::Cache::archives={archives}", *packages)
    for archive in sorted(archives.glob("*.deb")):
        _run("dpkg-deb", "-x", str(archive), str(unfinished))
    shutil.rmtree(archives)
    unfinished.rename(tree)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise PackagesMissing(f"{' '.join(command)} took longer than {DOWNLOAD_SECONDS} s") from error
    if done.returncode:
        raise PackagesMissing(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
