"""One address checked from a page: on the account's quota, without a key, otherwise as live calls are.

The page sets the check aside and names what is asked (`set_aside`); the event loop of the web process does the work
(`run`), so that no thread waits for a mail server.  The same form sent twice is one check: its token is the reference.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import AsyncConnection

from accounts.domain import quota
from accounts.domain.admission import Admission, config_from
from accounts.domain.refusals import AccountDisabled
from accounts.domain.standing import NOBODY
from accounts.models import Account, KeyKind
from verification.domain import live
from verification.domain.known import digest_of
from verification.domain.live import Desk, LiveOutcome
from verification.domain.live_arrivals import Arrival
from verification.domain.live_departures import Departure
from verification.engine.syntax import parse

WAIT_SECONDS = 25  # for mail servers
HELD_SECONDS = WAIT_SECONDS + live.RESERVED_SECONDS
MAX_AGE = 7_200  # seconds, as live calls have it
ACCOUNT = """
SELECT (SELECT (to_jsonb(c) - 'updated_at')::text FROM accounts_accountconfig c
        WHERE c.account_id = a.id AND c.sending_domain = ''), a.hash_key
FROM accounts_account a WHERE a.id = %(account_id)s
"""
# The newest of all but a few: the index check_live_by_account ends the search with its first rows.
FIND = """
SELECT id FROM verification_check
WHERE account_id = %(account_id)s AND job_id IS NULL AND address = %(address)s
  AND created_at > now() - interval '15 minutes'
ORDER BY created_at DESC, id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A check that is set aside: whose, under which reference of the ledger, and of which address."""

    account_id: int
    reference: str
    email: str

    def as_text(self) -> str:
        """Give it in the ASCII that a header can hold."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Asked:
        return cls(**json.loads(text))


def set_aside(*, account: Account, email: str, token: str) -> Asked:
    """Set one check aside, once per token and address.  Raises AccountDisabled, QuotaExceeded."""
    if not account.is_active:
        raise AccountDisabled
    named = hashlib.sha256(f"{account.pk}:{token}:{email}".encode("utf-8", "surrogatepass")).hexdigest()
    asked = Asked(account.pk, f"page:{named[:40]}", email)
    quota.reserve(account_id=account.pk, amount=1, reference=asked.reference, ttl_seconds=HELD_SECONDS)
    return asked


async def run(desk: Desk, asked: Asked) -> int | None:
    """Check the address, charge and keep it; gives the id of its row.  None where it ran out meanwhile.

    Raises psycopg.Error.
    """
    started = time.monotonic()
    address = parse(asked.email)
    grant, hash_key = await desk.pool.insist(lambda: _grant(desk, asked))
    digest = digest_of(address, hash_key=hash_key)
    arrival = Arrival(address, digest, asked.reference, HELD_SECONDS, started)
    async with desk.pool.connection() as connection:
        await desk.doors.look_up(connection, [arrival])
    earlier = None
    if digest is not None and grant.config.result_reuse:
        earlier = await live.look_for(desk.pool, grant.account_id, digest, MAX_AGE)
    if earlier is not None:
        duration = live.milliseconds_since(started)
        reply = earlier.answer(email=address.text, user=address.user, domain=address.domain, duration=duration)
        departure = Departure(grant, address, asked.reference, reply, charged=True, checked_at=earlier.checked_at)
    else:
        probed = await live.probe(desk, grant, address, started + WAIT_SECONDS, WAIT_SECONDS)
        reply = live.as_supplied(probed, address)
        departure = Departure(
            grant, address, asked.reference, reply, charged=not reply.verdict.blame.is_ours, digest=digest
        )
    found: list[int] = []

    async def keep(connection: AsyncConnection[Any], _: LiveOutcome) -> None:  # Any: its rows
        cursor = await connection.execute(FIND, {"account_id": grant.account_id, "address": address.text})
        found.extend(row[0] for row in await cursor.fetchall())

    outcome = LiveOutcome(reply, earlier is not None, grant.standing, departure.charged, departure.checked_at)
    await live.to_its_end(live.depart(desk, departure, outcome, keep))
    return found[-1] if found else None


async def give_back(desk: Desk, asked: Asked) -> None:
    """Release what is set aside; without a database it runs out by itself."""
    await live.release(desk.pool, asked.reference)


async def _grant(desk: Desk, asked: Asked) -> tuple[Admission, bytes]:
    async with desk.pool.connection() as connection:
        cursor = await connection.execute(ACCOUNT, {"account_id": asked.account_id})
        row = await cursor.fetchone()
    assert row is not None  # an account is closed, never deleted
    config = config_from(row[0], asked.account_id)
    return Admission(None, asked.account_id, KeyKind.LIVE, config, False, False, NOBODY), bytes(row[1])
