"""Statements of the live check, for async psycopg."""

_CHECK = """
WITH made AS (
    INSERT INTO verification_check (account_id, position, block, block_index, reference, address, domain, classifier,
                                    created_at)
    VALUES (%(account_id)s, 0, 0, 0, '', %(address)s, %(domain)s, '', now())
    RETURNING id, account_id
)
"""
_RESULT_COLUMNS = """
    (check_row_id, account_id, result, reason, blame, role, free, disposable, mail_server_location, duration,
     normalized, did_you_mean, evidence, final, charged, checked_at)
"""

# Of the day, see usage.py.
_PENDING = """
    INSERT INTO verification_pendingtally (
        day, account_id, key_id, source, result, reason, blame, provider, count, charged
    )
    SELECT (now() AT TIME ZONE 'UTC')::date, account_id, %(key_id)s, 'live', result, reason, blame, %(provider)s, 1,
           charged::int
    FROM verdict
"""

# A digest of NULL: not to be remembered.
RECORD = f"""{_CHECK}, verdict AS (
    INSERT INTO verification_checkresult {_RESULT_COLUMNS}
    SELECT id, account_id, %(result)s, %(reason)s, %(blame)s, %(role)s, %(free)s, %(disposable)s, %(location)s,
           %(duration)s, %(normalized)s, %(did_you_mean)s, %(evidence)s::jsonb, true, %(charged)s, now()
    FROM made RETURNING account_id, result, reason, blame, charged
), pending AS ({_PENDING})
INSERT INTO verification_knownmailbox (account_id, digest, check_row_id, checked_at)
SELECT account_id, %(digest)s::bytea, id, now() FROM made WHERE %(digest)s::bytea IS NOT NULL
ON CONFLICT (account_id, digest) DO UPDATE SET check_row_id = excluded.check_row_id, checked_at = excluded.checked_at
"""  # constants

# A reused verdict keeps its evidence and its date.
RECORD_REUSED = f"""{_CHECK}, verdict AS (
    INSERT INTO verification_checkresult {_RESULT_COLUMNS}
    SELECT made.id, made.account_id, r.result, r.reason, r.blame, r.role, r.free, r.disposable, r.mail_server_location,
           %(duration)s, r.normalized, r.did_you_mean, r.evidence, true, true, r.checked_at
    FROM made, verification_checkresult r WHERE r.check_row_id = %(source)s
    RETURNING account_id, result, reason, blame, charged
)
{_PENDING}
"""  # constants

# The same of many calls of one key at once; the day's tallies are summed up.
RECORD_ALL_REUSED = f"""
WITH asked AS (
    SELECT nextval('verification_check_id_seq') AS id, a.*
    FROM unnest(%(addresses)b::text[], %(domains)b::text[], %(sources)b::bigint[], %(durations)b::int[],
                %(providers)b::text[]) AS a(address, domain, source, duration, provider)
), made AS (
    INSERT INTO verification_check (id, account_id, position, block, block_index, reference, address, domain,
                                    classifier, created_at)
    SELECT id, %(account_id)s, 0, 0, 0, '', address, domain, '', now() FROM asked
), verdict AS (
    INSERT INTO verification_checkresult {_RESULT_COLUMNS}
    SELECT asked.id, %(account_id)s, r.result, r.reason, r.blame, r.role, r.free, r.disposable,
           r.mail_server_location, asked.duration, r.normalized, r.did_you_mean, r.evidence, true, true, r.checked_at
    FROM asked JOIN verification_checkresult r ON r.check_row_id = asked.source
    RETURNING check_row_id, result, reason, blame
)
INSERT INTO verification_pendingtally (
    day, account_id, key_id, source, result, reason, blame, provider, count, charged
)
SELECT (now() AT TIME ZONE 'UTC')::date, %(account_id)s, %(key_id)s, 'live', result, reason, blame, provider,
       count(*), count(*)
FROM verdict JOIN asked ON asked.id = verdict.check_row_id
GROUP BY result, reason, blame, provider
"""  # constants
