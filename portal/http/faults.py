"""Which exceptions are trouble of the machine that passes, and what callers are told of them."""

from __future__ import annotations

import errno

import psycopg
from django.db import InterfaceError, OperationalError

from portal.http.refusals import BROKEN, NO_ROOM, UNAVAILABLE, Refusal

OUTAGES = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
FULL = (errno.ENOSPC, errno.EDQUOT)


def refusal_of(error: BaseException | None) -> Refusal:
    """Give 503 when the database is away, full or overloaded, 507 when our own disk is full, else 500."""
    if isinstance(error, OUTAGES):
        return UNAVAILABLE
    if isinstance(error, OSError) and error.errno in FULL:
        return NO_ROOM
    return BROKEN
