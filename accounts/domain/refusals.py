"""Why a key is not let in.

AccessRefused
├── KeyMissing
├── KeyMalformed       told without a query
├── KeyUnknown
├── KeyRevoked
├── KeyExpired         or the secret before a rotation whose time is over
├── AccountDisabled
├── KeyNetwork         used from a network that it is not for
├── KeyScope           used for something that it is not for
└── TooManyCalls       over a rate, or too many at once
"""

from __future__ import annotations

from typing import ClassVar

from accounts.domain.standing import NOBODY, Standing


class AccessRefused(Exception):
    """A key was not let in; `str()` of it is a sentence for the caller."""

    message: ClassVar[str] = "Access refused."
    standing: Standing = NOBODY

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


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


class KeyNetwork(AccessRefused):
    message = "The license key may not be used from this network."


class KeyScope(AccessRefused):
    message = "The license key may not be used for this."

    def __init__(self, scope: str = "") -> None:
        super().__init__(f"The license key does not have the scope {scope}." if scope else "")
        self.scope = scope


class TooManyCalls(AccessRefused):
    """Over the rate of a key or its account, or too many calls of an account wait at once."""

    message = "The rate of calls is exceeded."

    def __init__(self, message: str = "", *, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
