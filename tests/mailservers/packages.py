"""The mail servers' Debian packages.  Postfix, Exim and OpenSMTPD exclude each other, so each has a tree of its own."""

from __future__ import annotations

from pathlib import Path

from tests import debian

TREES: dict[str, tuple[str, ...]] = {
    "postfix": ("postfix", "postgrey"),
    "exim": ("exim4-daemon-heavy", "greylistd"),
    "opensmtpd": ("opensmtpd", "opensmtpd-filter-senderscore"),
}


def trees() -> list[Path]:
    """Give the roots of the unpacked packages, fetched when missing.  Raises debian.PackagesMissing."""
    return [debian.tree(name, packages) for name, packages in TREES.items()]
