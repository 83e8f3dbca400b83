"""The statements of the shared pacing.  All times are the database's.

Whoever takes or gives back slots first locks the rows of the organisations, in the order of their names, and counts in
a later statement of the same transaction, so that it sees what those before it took.
"""

from __future__ import annotations

from verification.models.pacing import FIRST_SLOTS

# A crash of the server may forget the last moments: nothing that 30 seconds do not heal, so nobody waits for the disk.
RELAXED = "SET LOCAL synchronous_commit = off"

LOCK = f"""
INSERT INTO verification_organisation AS o (name, slots)
SELECT asked.name, least(%(cap)s, {FIRST_SLOTS} + asked.answered)
FROM unnest(%(names)s::text[], %(answered)s::int[]) AS asked(name, answered) ORDER BY asked.name
ON CONFLICT (name) DO UPDATE SET
    seen_at = statement_timestamp(),
    slots = least(%(cap)s, o.slots + excluded.slots - least(%(cap)s, {FIRST_SLOTS}))
"""

# Refusals while the organisation is held back belong to the same story and are not counted.
TELL = f"""
WITH told AS (
    SELECT o.name, n.refused,
           CASE WHEN n.answered > 0 THEN 0 ELSE o.refusals END + n.refused AS refusals,
           CASE WHEN n.answered > 0 THEN 0 ELSE o.backoffs END AS backoffs,
           coalesce(o.backoff_until > statement_timestamp(), false) AS held
    FROM unnest(%(names)s::text[], %(answered)s::int[], %(refused)s::int[]) AS n(name, answered, refused)
    JOIN verification_organisation o ON o.name = n.name
    WHERE n.refused > 0 OR o.refusals > 0 OR o.backoffs > 0
), judged AS (
    SELECT *, NOT held AND refusals >= %(refusals)s AS too_many FROM told
)
UPDATE verification_organisation o SET
    slots = CASE WHEN j.refused > 0 THEN least(o.slots, {FIRST_SLOTS}) ELSE o.slots END,
    refusals = CASE WHEN j.held OR j.too_many THEN 0 ELSE j.refusals END,
    backoffs = CASE WHEN j.too_many THEN j.backoffs + 1 ELSE j.backoffs END,
    backoff_until = CASE WHEN j.too_many THEN statement_timestamp() + make_interval(
            secs => least(%(first)s::float8 * 2 ^ least(j.backoffs, 20), %(longest)s::float8))
        ELSE o.backoff_until END
FROM judged j WHERE o.name = j.name
"""

# Jobs leave one slot to calls, where there are two; those that want the same kind share evenly.
TAKE = """
WITH standing AS (
    SELECT a.name, a.wanted, a.used, o.slots, o.refusals + o.backoffs > 0 AS troubled,
           o.paused_at IS NOT NULL AS paused,
           coalesce(greatest(extract(epoch FROM o.backoff_until - statement_timestamp()), 0), 0)::float8 AS held,
           coalesce(sum(g.slots), 0) AS others,
           coalesce(sum(g.slots) FILTER (WHERE NOT g.live), 0) AS others_jobs,
           count(g.id) FILTER (WHERE g.live = %(live)s) AS rivals
    FROM unnest(%(names)s::text[], %(wanted)s::int[], %(used)s::int[]) AS a(name, wanted, used)
    JOIN verification_organisation o ON o.name = a.name
    LEFT JOIN verification_pacinggrant g
        ON g.organisation_id = a.name AND g.holder <> %(holder)s AND g.until > statement_timestamp()
    GROUP BY a.name, a.wanted, a.used, o.name
), decided AS (
    SELECT *, CASE
        WHEN paused OR held > 0 THEN 0
        WHEN %(live)s THEN greatest(0, least(wanted, slots - others))
        ELSE greatest(0, least(wanted, slots - others, greatest(1, slots - 1) - others_jobs,
                               greatest(1, greatest(1, slots - 1) / (rivals + 1))))
    END AS granted
    FROM standing
), kept AS (
    INSERT INTO verification_pacinggrant (organisation_id, holder, live, slots, until)
    SELECT name, %(holder)s, %(live)s, greatest(used, granted),
           statement_timestamp() + make_interval(secs => %(seconds)s)
    FROM decided WHERE used > 0 OR (wanted > 0 AND NOT paused AND held = 0)
    ON CONFLICT (organisation_id, holder) DO UPDATE SET slots = excluded.slots, until = excluded.until
    RETURNING organisation_id
), gone AS (
    DELETE FROM verification_pacinggrant g USING decided d
    WHERE g.holder = %(holder)s AND g.organisation_id = d.name
        AND NOT (d.used > 0 OR (d.wanted > 0 AND NOT d.paused AND d.held = 0))
)
SELECT name AS organisation, granted::int AS granted, rivals > 0 AS contended, troubled, held, paused FROM decided
"""

RENEW = """
UPDATE verification_pacinggrant SET until = statement_timestamp() + make_interval(secs => %(seconds)s)
WHERE holder = %(holder)s AND until > statement_timestamp() + interval '1 second'
RETURNING organisation_id
"""

HELD = """
SELECT name, coalesce(greatest(extract(epoch FROM backoff_until - statement_timestamp()), 0), 0)::float8,
       paused_at IS NOT NULL
FROM verification_organisation
WHERE name = ANY(%(names)s) AND (backoff_until > statement_timestamp() OR paused_at IS NOT NULL)
"""

EXPIRED = """
DELETE FROM verification_pacinggrant WHERE id IN (
    SELECT id FROM verification_pacinggrant WHERE until < statement_timestamp() FOR UPDATE SKIP LOCKED)
"""

LEAVE = "DELETE FROM verification_pacinggrant WHERE holder = %(holder)s"
