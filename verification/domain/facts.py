"""Domain facts kept between processes: catch-all probes, not older than a day."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from verification.engine.types import CatchAll, CatchAllState

Connection = AsyncConnection[Any]  # Any: whatever its rows are made of

LOAD = """
SELECT domain, catch_all, host, extract(epoch FROM probed_at)::bigint FROM verification_domainfact
WHERE domain = ANY(%(domains)b::text[]) AND probed_at > now() - interval '1 day'
"""

KEEP = """
INSERT INTO verification_domainfact AS f (domain, catch_all, host, probed_at)
SELECT * FROM unnest(%(domain)b::text[], %(catch_all)b::text[], %(host)b::text[], %(probed_at)b::timestamptz[])
     AS new(domain, catch_all, host, probed_at)
ORDER BY domain
ON CONFLICT (domain) DO UPDATE SET catch_all = excluded.catch_all, host = excluded.host, probed_at = excluded.probed_at
WHERE f.probed_at < excluded.probed_at
"""


async def load(connection: Connection, domains: Collection[str]) -> dict[str, CatchAll]:
    """Give the catch-all probes known of some domains."""
    cursor = await connection.execute(LOAD, {"domains": list(domains)})
    return {
        domain: CatchAll(CatchAllState(state), probed_at, host)
        for domain, state, host, probed_at in await cursor.fetchall()
    }


async def keep(
    connection: Connection, probes: Mapping[str, CatchAll], *, known: Mapping[str, CatchAll] | None = None
) -> None:
    """Keep the probes, by domain, that are not `known` already; in the caller's transaction."""
    known = known or {}
    fresh = {
        domain: probe
        for domain, probe in probes.items()
        if probe.state != CatchAllState.NOT_TESTED and known.get(domain) != probe
    }
    if not fresh:
        return
    columns = {
        "domain": list(fresh),
        "catch_all": [probe.state.value for probe in fresh.values()],
        "host": [probe.host for probe in fresh.values()],
        "probed_at": [datetime.fromtimestamp(probe.probed_at, UTC) for probe in fresh.values()],
    }
    await connection.execute(KEEP, columns)
