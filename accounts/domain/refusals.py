"""Why a key is not let in.

AccessRefused
├── KeyMissing
├── KeyMalformed     told without a query
├── KeyUnknown
├── KeyRevoked
├── KeyExpired
└── AccountDisabled
"""

from __future__ import annotations

from typing import ClassVar


class AccessRefused(Exception):
    """A key was not let in; `str()` of it is a sentence for the caller."""

    message: ClassVar[str] = "Access refused."

    def __init__(self) -> None:
        super().__init__(self.message)


class KeyMissing(AccessRefused):
    message = "No license key was given."


class KeyMalformed(AccessRefused):
    message = "The license key is in an incorrect format."


class KeyUnknown(AccessRefused):
    message = "The license key is not known."


class KeyRevoked(AccessRefused):
    message = "The license key was revoked."


class KeyExpired(AccessRefused):
    message = "The license key has expired."


class AccountDisabled(AccessRefused):
    message = "The account is disabled."
