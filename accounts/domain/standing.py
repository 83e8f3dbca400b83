"""How a caller stands, as the headers of every answer of the API tell it.

RateLimit-Limit, -Remaining and -Reset are those of draft-ietf-httpapi-ratelimit-headers-06 (December 2022).  Later
editions fold them into two structured fields, RateLimit and RateLimit-Policy, which few clients read yet; these three
are what clients in the field look for.  Reset is a number of seconds, not a date.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """Calls in a minute: how many there may be, how many are left, when the next begins; and checks left."""

    limit: int = 0
    remaining: int = 0
    reset_seconds: int = 0
    quota_left: int = 0


NOBODY = Standing()  # of a caller without a key that is let in: no calls, no checks


def headers(standing: Standing) -> dict[str, str]:
    """Give the headers of an answer."""
    return {
        "RateLimit-Limit": str(standing.limit),
        "RateLimit-Remaining": str(standing.remaining),
        "RateLimit-Reset": str(standing.reset_seconds),
        "X-Quota-Remaining": str(standing.quota_left),
    }
