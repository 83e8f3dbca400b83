"""Earlier results of the same account, used again while they are fresh."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from verification.engine.types import Answer, Blame, Evidence, Reason, Result, Verdict

Connection = AsyncConnection[Any]  # Any: whatever its rows are made of

SHORT_LIVED_SECONDS = 300  # RetryLater and GreyListing are not reused for longer

# What an account knows of mailboxes, fresh enough.  RetryLater and GreyListing pass quickly.
FRESH = """
SELECT k.digest, r.check_row_id, r.result, r.reason, r.blame, r.role, r.free, r.disposable, r.mail_server_location,
       r.evidence, r.checked_at, r.normalized, r.did_you_mean
FROM verification_knownmailbox k JOIN verification_checkresult r ON r.check_row_id = k.check_row_id
WHERE k.account_id = %(account_id)s AND k.digest = ANY(%(digests)b)
  AND k.checked_at > now() - interval '1 second' * CASE
      WHEN r.result = 'RetryLater' OR r.reason = 'GreyListing' THEN least(%(max_age)s, %(short_lived)s)
      ELSE %(max_age)s END
"""

# In the order of the digests, so that two writers cannot wait for each other.
REMEMBER = """
INSERT INTO verification_knownmailbox (account_id, digest, check_row_id, checked_at)
SELECT %(account_id)s, digest, check_id, now()
FROM unnest(%(digests)b::bytea[], %(check_ids)b::bigint[]) AS new(digest, check_id)
ORDER BY digest
ON CONFLICT (account_id, digest) DO UPDATE SET check_row_id = excluded.check_row_id, checked_at = excluded.checked_at
"""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier verdict; the address is left to whoever asks again."""

    check_id: int
    verdict: Verdict
    role: bool
    free: bool
    disposable: bool
    mail_server_location: str
    evidence: Evidence
    checked_at: datetime
    normalized: str = ""
    did_you_mean: str = ""

    def answer(self, *, email: str, user: str, domain: str, duration: int = 0) -> Answer:
        """Give it as the answer for an address written this way."""
        return Answer(
            email,
            user,
            domain,
            self.verdict,
            self.role,
            self.free,
            self.disposable,
            self.mail_server_location,
            duration,
            self.evidence,
            self.normalized,
            self.did_you_mean,
        )


async def find_fresh(
    connection: Connection, *, account_id: int, digests: list[bytes], max_age: int
) -> dict[bytes, Earlier]:
    """Give the results not older than `max_age` seconds, by digest."""
    values = {
        "account_id": account_id,
        "digests": digests,
        "max_age": max_age,
        "short_lived": SHORT_LIVED_SECONDS,
    }
    cursor = await connection.execute(FRESH, values)
    return {
        bytes(digest): Earlier(
            check_id,
            Verdict(Result(result), Reason(reason), Blame(blame)),
            role,
            free,
            disposable,
            location,
            Evidence.from_dict(evidence),
            checked_at,
            normalized,
            did_you_mean,
        )
        for (
            digest,
            check_id,
            result,
            reason,
            blame,
            role,
            free,
            disposable,
            location,
            evidence,
            checked_at,
            normalized,
            did_you_mean,
        ) in await cursor.fetchall()
    }


async def remember(connection: Connection, *, account_id: int, checks: Mapping[bytes, int]) -> None:
    """Note the checks (by digest) whose results may be used again; in the caller's transaction."""
    if checks:
        values = {"account_id": account_id, "digests": list(checks), "check_ids": list(checks.values())}
        await connection.execute(REMEMBER, values)
