"""Deliveries as rows: made from the feed, claimed, and noted.  Each step is one statement.

A delivery is claimed under a token for LEASE_SECONDS; a sender that dies leaves it to the next one after that, without
counting.  So each is sent at least once, and its `webhook-id` tells a receiver what it has had before.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from verification.domain.feed import Slice
from verification.domain.webhooks.transport import GONE, Outcome

LEASE_SECONDS = 60
ENTRIES = 500  # of one delivery, at most
RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)  # 27 h 35 min and 5 s from the first try to the eighth
TRIES = len(RETRY_SECONDS) + 1
JITTER = 0.1  # of a pause, on top of it
AT_ONCE = 4  # sendings to an endpoint; one while it fails
OF_ACCOUNT = 20  # sendings of an account, to all its endpoints; half of them to those that fail
TESTS_KEPT_DAYS = 30
LONGEST_LOG = 20  # tries that are shown, the newest

# Accounts that are active and have the feature; no row is a row with the defaults.
_ALLOWED = """
JOIN accounts_account a ON a.id = w.account_id AND a.status = 'active'
LEFT JOIN accounts_accountconfig c ON c.account_id = a.id AND c.sending_domain = ''
"""

# Only endpoints that have news are touched.  `until` is read by the same snapshot as the events, see feed.py; an
# endpoint that somebody else moved on meanwhile is looked at again in its newest version.
MAKE = f"""
WITH bound AS MATERIALIZED (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS until),
ready AS MATERIALIZED (
    SELECT w.id, w.account_id, w.job_id, w.events, w.seen, bound.until
    FROM verification_webhookendpoint w {_ALLOWED} CROSS JOIN bound
    WHERE w.state = 'active' AND coalesce(c.webhooks, true) AND w.seen < bound.until
      AND EXISTS (SELECT FROM verification_event e
                  WHERE e.account_id = w.account_id AND e.written_in >= w.seen AND e.written_in < bound.until)
    ORDER BY w.id LIMIT 500 FOR NO KEY UPDATE OF w SKIP LOCKED
), made AS (
    INSERT INTO verification_webhookdelivery (id, endpoint_id, event_id, first_seq, last_seq, state, tries, log)
    SELECT gen_random_uuid(), r.id, e.id, first, least(first + %(entries)s - 1, e.last_seq), 'pending', 0, '[]'
    FROM ready r
    JOIN verification_event e ON e.account_id = r.account_id AND e.written_in >= r.seen AND e.written_in < r.until
    CROSS JOIN LATERAL generate_series(e.first_seq, e.last_seq, %(entries)s) AS first
    WHERE (r.job_id IS NULL OR e.job_id = r.job_id) AND (r.events = '{{}}' OR e.type = ANY(r.events))
    ON CONFLICT DO NOTHING RETURNING 1
), moved AS (
    UPDATE verification_webhookendpoint w SET seen = r.until FROM ready r WHERE w.id = r.id RETURNING 1
)
SELECT (SELECT count(*) FROM made)
"""  # constants

# A job that has ended writes no more; its last events count as news until they are deliveries.
END = """
UPDATE verification_webhookendpoint w SET state = 'ended' FROM verification_job j
WHERE w.state = 'active' AND j.id = w.job_id AND j.status IN ('finished', 'cancelled')
  AND NOT EXISTS (SELECT FROM verification_event e WHERE e.job_id = j.id AND e.written_in >= w.seen)
"""

_SHARE = f"CASE WHEN {{fails}} THEN {OF_ACCOUNT // 2} ELSE {OF_ACCOUNT} END"  # constants
# Accounts take turns: who has least under way comes first, so that one with many dead receivers (each job may name one)
# fills its own share only.  Within an account those that fail come last, and leave half of its share to the others.
CLAIM = f"""
WITH at_work AS MATERIALIZED (
    SELECT b.endpoint_id, w.account_id, count(*) AS busy
    FROM verification_webhookdelivery b JOIN verification_webhookendpoint w ON w.id = b.endpoint_id
    WHERE b.state = 'pending' AND b.lease_until >= now() GROUP BY 1, 2
), share AS MATERIALIZED (
    SELECT account_id, sum(busy) AS busy FROM at_work GROUP BY 1
), candidates AS MATERIALIZED (
    SELECT d.id, w.failing_since IS NOT NULL AS fails,
           coalesce(share.busy, 0) + row_number() OVER (
               PARTITION BY w.account_id
               ORDER BY w.failing_since IS NOT NULL, d.place + coalesce(at_work.busy, 0), d.due_at, d.id) AS turn
    FROM (
        SELECT DISTINCT endpoint_id FROM verification_webhookdelivery
        WHERE state = 'pending' AND due_at <= now() AND (lease_until IS NULL OR lease_until < now())
    ) AS waiting
    JOIN verification_webhookendpoint w ON w.id = waiting.endpoint_id AND w.state <> 'disabled' {_ALLOWED}
    LEFT JOIN at_work ON at_work.endpoint_id = w.id
    LEFT JOIN share ON share.account_id = w.account_id
    CROSS JOIN LATERAL (
        SELECT id, due_at, row_number() OVER (ORDER BY due_at, created_at, first_seq) AS place
        FROM verification_webhookdelivery
        WHERE endpoint_id = w.id AND state = 'pending' AND due_at <= now()
          AND (lease_until IS NULL OR lease_until < now())
        ORDER BY due_at, created_at, first_seq
        LIMIT greatest(CASE WHEN w.failing_since IS NULL THEN {AT_ONCE} ELSE 1 END - coalesce(at_work.busy, 0), 0)
    ) AS d
    WHERE coalesce(c.webhooks, true) AND coalesce(share.busy, 0) < {_SHARE.format(fails="w.failing_since IS NOT NULL")}
), picked AS (
    SELECT d.id FROM candidates JOIN verification_webhookdelivery d USING (id)
    WHERE turn <= {_SHARE.format(fails="fails")}
      AND d.state = 'pending' AND (d.lease_until IS NULL OR d.lease_until < now())
    ORDER BY turn, d.due_at LIMIT %(most)s
    FOR NO KEY UPDATE OF d SKIP LOCKED
), claimed AS (
    UPDATE verification_webhookdelivery d
    SET token = %(token)s, lease_until = now() + make_interval(secs => {LEASE_SECONDS})
    FROM picked WHERE d.id = picked.id
    RETURNING d.id, d.endpoint_id, d.event_id, d.first_seq, d.last_seq, d.tries
)
SELECT d.id, d.tries, w.url, w.account_id, w.job_id,
       CASE WHEN w.job_id IS NULL THEN w.secret ELSE n.secret END,
       CASE WHEN w.job_id IS NULL AND w.previous_until > now() THEN w.previous_secret
            WHEN w.job_id IS NOT NULL AND n.previous_until > now() THEN n.previous_secret END,
       w.headers, e.id, e.job_id, e.type, e.sub_type, e.first_seq, d.first_seq, d.last_seq, e.created_at
FROM claimed d JOIN verification_webhookendpoint w ON w.id = d.endpoint_id
LEFT JOIN verification_notificationsecrets n ON n.account_id = w.account_id
LEFT JOIN verification_event e ON e.id = d.event_id
"""  # constants

NOTE = f"""
WITH noted AS (
    UPDATE verification_webhookdelivery d
    SET state = CASE WHEN %(ok)s THEN 'delivered' WHEN d.tries + 1 >= {TRIES} THEN 'failed' ELSE 'pending' END,
        tries = d.tries + 1, token = NULL, lease_until = NULL,
        due_at = now() + make_interval(secs => %(pause)s),
        log = CASE WHEN jsonb_array_length(d.log) < {LONGEST_LOG} THEN d.log ELSE d.log - 0 END
              || jsonb_build_array(%(tried)s::jsonb || jsonb_build_object('at', to_char(
                     clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
    WHERE d.id = %(id)s AND d.token = %(token)s
    RETURNING d.endpoint_id, d.state
)
UPDATE verification_webhookendpoint w
SET failing_since = CASE WHEN %(ok)s THEN NULL ELSE coalesce(w.failing_since, now()) END,
    state = CASE WHEN stop.fault <> '' AND w.state = 'active' THEN 'disabled' ELSE w.state END,
    fault = CASE WHEN stop.fault <> '' AND w.state = 'active' THEN stop.fault ELSE w.fault END
FROM noted CROSS JOIN LATERAL (
    SELECT CASE WHEN %(gone)s THEN 'It answered 410: it is gone.'
                WHEN noted.state = 'failed' AND (SELECT failing_since FROM verification_webhookendpoint
                                                 WHERE id = noted.endpoint_id) < now() - interval '1 day'
                THEN 'Nothing got through for more than a day.' ELSE '' END AS fault
) AS stop
WHERE w.id = noted.endpoint_id AND (stop.fault <> '' OR (w.failing_since IS NULL) <> %(ok)s)
RETURNING w.id, w.state
"""  # constants

FORGET_TESTS = """
DELETE FROM verification_webhookdelivery WHERE event_id IS NULL AND created_at < now() - make_interval(days => %(days)s)
"""

RELEASE = """
UPDATE verification_webhookdelivery SET token = NULL, lease_until = NULL WHERE token = %(token)s AND id = ANY(%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to be tried now; without a slice of the feed it is a test."""

    id: UUID
    tries: int
    url: str
    account_id: int
    sealed_secrets: tuple[bytes, ...]
    sealed_headers: bytes | None
    slice: Slice | None

    @property
    def message_id(self) -> str:
        return f"msg_{self.id.hex}"


def make() -> int:
    """Make deliveries of what is new in the feed, and tell how many."""
    with connection.cursor() as cursor:
        cursor.execute(MAKE, {"entries": ENTRIES})
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def end_of_jobs() -> int:
    """Note which jobs will write no more, and tell how many."""
    with connection.cursor() as cursor:
        cursor.execute(END)
        return int(cursor.rowcount)


def forget_tests() -> int:
    """Delete tests of long ago, and tell how many; all else goes with its events."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_TESTS, {"days": TESTS_KEPT_DAYS})
        return int(cursor.rowcount)


def claim(*, token: UUID, most: int) -> list[Claimed]:
    """Claim deliveries that are due, few of each endpoint."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"token": token, "most": most})
        return [read_claimed(row) for row in cursor.fetchall()]


def read_claimed(row: Sequence[Any]) -> Claimed:  # Any: columns of CLAIM
    delivery, tries, url, account_id, _job, secret, previous, headers, event, *place = row
    own_secrets = tuple(bytes(sealed) for sealed in (secret, previous) if sealed is not None)
    job_id, kind, sub_type, row_first, first, last, created_at = place
    part = Slice(event, job_id, kind, sub_type, row_first, first, last, created_at) if event is not None else None
    return Claimed(delivery, tries, url, account_id, own_secrets, headers and bytes(headers), part)


def note(*, delivery: Claimed, token: UUID, outcome: Outcome) -> UUID | None:
    """Keep what came of a try, and give the endpoint if that disabled it.  Whoever lost its lease changes nothing."""
    values: Mapping[str, Any] = {  # Any: SQL parameters
        "id": delivery.id,
        "token": token,
        "ok": outcome.is_success,
        "gone": outcome.status == GONE,
        "pause": pause(delivery.tries, outcome),
        "tried": json.dumps({"status": outcome.status, "error": outcome.error, "ms": outcome.milliseconds}),
    }
    with connection.cursor() as cursor:
        cursor.execute(NOTE, values)
        row = cursor.fetchone()
    return row[0] if row and row[1] == "disabled" else None


def pause(tries: int, outcome: Outcome) -> float:
    """Give the seconds until the next try, longer where the receiver asked for it."""
    if outcome.is_success or tries + 1 >= TRIES:
        return 0.0
    wanted = max(RETRY_SECONDS[tries], outcome.retry_after)
    return wanted * (1 + random.random() * JITTER)  # spreads tries, hides nothing


def release(*, token: UUID, ids: Sequence[UUID]) -> None:
    """Give back what was claimed and not tried."""
    with connection.cursor() as cursor:
        cursor.execute(RELEASE, {"token": token, "ids": list(ids)})


def new_token() -> UUID:
    return uuid.uuid4()
