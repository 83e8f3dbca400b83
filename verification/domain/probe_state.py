"""Whether mail servers can be asked at all: what the doctor found of port 25, remembered for 15 s by each process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import Error
from django.db import connection as django_connection
from psycopg import AsyncConnection

HEADER, DNS_ONLY = "X-Probe-State", "dns-only"  # what answers of the API say meanwhile
FRESH_SECONDS = 15.0
# An examination that is not repeated says nothing for ever: machines go, and so do walls.
SHUT = """
SELECT machine, zone FROM verification_finding CROSS JOIN LATERAL unnest(shut) AS zone
WHERE checked_at > now() - interval '2 hours'
"""

Connection = AsyncConnection[Any]  # Any: whatever its rows are made of


@dataclass(slots=True)
class _Memory:
    rows: frozenset[tuple[str, str]] = frozenset()  # machine and zone
    until: float = float("-inf")


_memory = _Memory()  # of this process


async def look(connection: Connection) -> frozenset[str]:
    """Give the zones whose mail servers are out of reach from this machine, looked up within the last 15 s."""
    if time.monotonic() >= _memory.until:
        _remember(await (await connection.execute(SHUT)).fetchall())
    return shut_here()


def look_now() -> None:
    """The same outside of event loops; while the database is away what was seen last stands."""
    if time.monotonic() < _memory.until:
        return
    _memory.until = time.monotonic() + FRESH_SECONDS
    try:
        with django_connection.cursor() as cursor:
            cursor.execute(SHUT)
            _remember(cursor.fetchall())
    except Error:
        return


def _remember(rows: list[tuple[Any, ...]]) -> None:
    _memory.rows = frozenset((machine, zone) for machine, zone in rows)
    _memory.until = time.monotonic() + FRESH_SECONDS


def shut_here() -> frozenset[str]:
    """Give the zones out of reach from this machine, as this process saw it last."""
    return frozenset(zone for machine, zone in _memory.rows if machine == settings.MACHINE)


def is_shut() -> bool:
    """Tell whether port 25 was found closed on any machine, as this process saw it last."""
    return bool(_memory.rows)


def is_named() -> bool:
    """Tell whether probes have a name to greet with and a sender."""
    return bool(settings.HELO_NAME and settings.PROBE_SENDER)


def is_dns_only() -> bool:
    """Tell whether mail servers are not asked, for whichever reason; the mail world is, even by the nameless."""
    return is_shut() or not (is_named() or settings.MAIL_WORLD)


def forget() -> None:
    """Have this process look again."""
    _memory.rows, _memory.until = frozenset(), float("-inf")
