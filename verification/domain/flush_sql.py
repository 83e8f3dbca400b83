"""The statements of the flush; times are the database's."""

# In the order of the ids, as everybody locks batches.  `ends.at`: when the rows become final whatever they are.
LOCK_BATCHES = """
SELECT b.id, b.flushes, now() + interval '1 second' < ends.at AS has_time, j.is_held
FROM unnest(%(ids)b::bigint[], %(tokens)b::uuid[]) AS held(id, token)
JOIN verification_batch b ON b.id = held.id AND b.token = held.token
JOIN verification_job j ON j.id = b.job_id
CROSS JOIN LATERAL (SELECT least(
    coalesce(b.first_tried_at, now()) + make_interval(secs => least(%(greylist_seconds)s, 3600.0 * j.greylist_hours)),
    j.started_at + make_interval(secs => %(job_seconds)s)
) AS at) AS ends
ORDER BY b.id FOR UPDATE OF b
"""

INSERT_RESULTS = """
INSERT INTO verification_checkresult AS r (
    check_row_id, account_id, job_id, result, reason, blame, role, free, disposable, mail_server_location, duration,
    normalized, did_you_mean, evidence, final, charged, checked_at
)
SELECT id, %(account_id)s, %(job_id)s, result, reason, blame, role, free, disposable, location, duration,
       normalized, did_you_mean, evidence::jsonb, final, charged, coalesce(checked_at, now())
FROM unnest(
    %(id)b::bigint[], %(result)b::text[], %(reason)b::text[], %(blame)b::text[], %(role)b::bool[], %(free)b::bool[],
    %(disposable)b::bool[], %(location)b::text[], %(duration)b::int[], %(normalized)b::text[], %(meant)b::text[],
    %(evidence)b::text[], %(final)b::bool[], %(charged)b::bool[], %(checked_at)b::timestamptz[]
) AS t(id, result, reason, blame, role, free, disposable, location, duration, normalized, did_you_mean, evidence, final,
       charged, checked_at)
ON CONFLICT (check_row_id) DO UPDATE SET
    result = excluded.result, reason = excluded.reason, blame = excluded.blame, duration = excluded.duration,
    mail_server_location = excluded.mail_server_location, normalized = excluded.normalized,
    did_you_mean = excluded.did_you_mean, evidence = excluded.evidence, final = excluded.final,
    charged = excluded.charged, checked_at = excluded.checked_at
WHERE NOT r.final
RETURNING check_row_id
"""

MOVE_COUNTERS = """
UPDATE verification_job SET
    waiting = waiting - %(decided)s - %(undecided)s,
    decided = decided + %(decided)s,
    undecided = undecided + %(undecided)s,
    event_seq = event_seq + %(events)s
WHERE id = %(job_id)s
RETURNING event_seq, waiting, is_reading OR is_held
"""

FINISH_JOB = """
UPDATE verification_job SET status = 'finished', finished_at = now(), event_seq = event_seq + 1
WHERE id = %(job_id)s RETURNING event_seq
"""

INSERT_EVENT = """
INSERT INTO verification_event (job_id, account_id, type, sub_type, first_seq, last_seq, check_ids, created_at)
VALUES (%(job_id)s, %(account_id)s, %(type)s, %(sub_type)s, %(first_seq)s, %(last_seq)s, %(check_ids)b::bigint[], now())
"""

# The job's tallies, and the day's (see usage.py), which also tell key and provider.
ADD_TALLIES = """
WITH n AS (
    SELECT * FROM unnest(%(result)s::text[], %(reason)s::text[], %(blame)s::text[], %(provider)s::text[],
                         %(count)s::int[], %(charged)s::int[]) AS n(result, reason, blame, provider, count, charged)
), pending AS (
    INSERT INTO verification_pendingtally (
        day, account_id, key_id, source, result, reason, blame, provider, count, charged
    )
    SELECT (now() AT TIME ZONE 'UTC')::date, j.account_id, j.key_id, 'job', n.* FROM n, verification_job j
    WHERE j.id = %(job_id)s AND NOT j.sandbox
)
INSERT INTO verification_tally AS t (job_id, result, reason, blame, provider, count)
SELECT %(job_id)s, result, reason, blame, provider, sum(count) FROM n
GROUP BY result, reason, blame, provider ORDER BY result, reason, blame, provider
ON CONFLICT (job_id, result, reason, blame, provider) DO UPDATE SET count = t.count + excluded.count
"""

COUNT_FLUSHES = "UPDATE verification_batch SET flushes = flushes + 1 WHERE id = ANY(%(ids)s)"
DELETE_BATCHES = "DELETE FROM verification_batch WHERE id = ANY(%(ids)s)"
REOPEN_BATCHES = """
UPDATE verification_batch SET token = NULL, lease_until = NULL, flushes = flushes + 1 WHERE id = ANY(%(ids)s)
"""

# Whoever calls a round complete may have lost an answer on its way here; the rows have the last word.  `is_open`: a row
# lacks its result of this round.  `goes_on`: there are rows to be tried again.
STANDINGS = """
SELECT b.id, bool_or(r.final IS NULL OR NOT (r.final OR round.may_wait)) AS is_open, bool_or(NOT r.final) AS goes_on
FROM unnest(%(ids)s::bigint[], %(may_wait)s::bool[]) AS round(id, may_wait)
JOIN verification_batch b ON b.id = round.id CROSS JOIN LATERAL unnest(b.check_ids) AS c(id)
LEFT JOIN verification_checkresult r ON r.check_row_id = c.id
GROUP BY b.id
"""

# Each row goes on from the address of ours that asked last; where those differ, the batch is divided.
POSTPONE = """
WITH present AS (
    SELECT b.*, now() + make_interval(secs => %(seconds)s) AS wanted_at,
           least(
               coalesce(b.first_tried_at, now())
               + make_interval(secs => least(%(greylist_seconds)s, 3600.0 * j.greylist_hours)),
               j.started_at + make_interval(secs => %(job_seconds)s)
           ) AS ends_at
    FROM verification_batch b JOIN verification_job j ON j.id = b.job_id
    WHERE b.id = %(id)s
), open AS (
    SELECT r.check_row_id AS id, coalesce((
        SELECT a.tried->>'source' FROM jsonb_array_elements(r.evidence->'attempts') WITH ORDINALITY AS a(tried, place)
        WHERE a.tried->>'source' = ANY(%(sources)s) ORDER BY a.place DESC LIMIT 1
    )::inet, p.source_address) AS source
    FROM present p JOIN verification_checkresult r ON r.check_row_id = ANY(p.check_ids)
    WHERE NOT r.final
), later AS (
    SELECT source, array_agg(id ORDER BY id) AS ids, row_number() OVER (ORDER BY source NULLS FIRST) = 1 AS stays
    FROM open GROUP BY source
), divided AS (
    INSERT INTO verification_batch (job_id, account_id, check_ids, due_at, attempts, alone, tries, flushes,
                                    first_tried_at, source_address, sender)
    SELECT p.job_id, p.account_id, l.ids, least(p.wanted_at, p.ends_at), 0, p.alone, p.tries + 1, 0,
           coalesce(p.first_tried_at, now()), l.source, %(sender)s
    FROM later l, present p WHERE NOT l.stays
)
UPDATE verification_batch b SET
    check_ids = l.ids, token = NULL, lease_until = NULL, attempts = 0, tries = b.tries + 1,
    flushes = b.flushes + 1, source_address = l.source, sender = %(sender)s,
    first_tried_at = coalesce(b.first_tried_at, now()), due_at = least(p.wanted_at, p.ends_at)
FROM later l, present p WHERE b.id = p.id AND l.stays
"""
