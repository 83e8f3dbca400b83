"""Statements of the live check, for async psycopg."""

_RESULT_COLUMNS = """
    (check_row_id, account_id, result, reason, blame, role, free, disposable, mail_server_location, duration,
     normalized, did_you_mean, evidence, final, charged, checked_at)
"""
_MADE = """
    INSERT INTO verification_check (id, account_id, key_id, position, block, block_index, reference, address, domain,
                                    classifier, created_at)
    SELECT id, %(account_id)s, %(key_id)s, 0, 0, 0, '', address, domain, '', now() FROM asked
"""

# The tallies of the day, see usage.py, of what the results say.
_PENDING = """
INSERT INTO verification_pendingtally (
    day, account_id, key_id, source, result, reason, blame, provider, count, charged
)
SELECT (now() AT TIME ZONE 'UTC')::date, %(account_id)s, %(key_id)s, 'live', verdict.result, verdict.reason,
       verdict.blame, provider, count(*), count(*) FILTER (WHERE verdict.charged)
FROM verdict JOIN asked ON asked.id = verdict.check_row_id
GROUP BY verdict.result, verdict.reason, verdict.blame, provider
"""

# Calls of one key, but of those that are in the ledger already.  Where no digest is, nothing is remembered.
RECORD_ALL = f"""
WITH asked AS (
    SELECT nextval('verification_check_id_seq') AS id, a.*
    FROM unnest(%(entries)s::text[], %(addresses)b::text[], %(domains)b::text[], %(digests)s::bytea[],
                %(charged)b::bool[], %(checked_at)s::timestamptz[], %(results)b::text[], %(reasons)b::text[],
                %(blames)b::text[], %(roles)b::bool[], %(free)b::bool[], %(disposable)b::bool[],
                %(locations)b::text[], %(durations)b::int[], %(normalized)b::text[], %(did_you_mean)b::text[],
                %(evidence)b::text[], %(providers)b::text[])
         AS a(entry, address, domain, digest, charged, checked_at, result, reason, blame, role, free, disposable,
              location, duration, normalized, did_you_mean, evidence, provider)
    WHERE NOT EXISTS (SELECT FROM accounts_ledgerentry e WHERE e.reference = a.entry)
), made AS ({_MADE}), known AS (
    INSERT INTO verification_knownmailbox (account_id, digest, check_row_id, checked_at)
    SELECT DISTINCT ON (digest) %(account_id)s, digest, id, now() FROM asked WHERE digest IS NOT NULL
    ORDER BY digest, id DESC  -- so that two writers cannot wait for each other
    ON CONFLICT (account_id, digest)
    DO UPDATE SET check_row_id = excluded.check_row_id, checked_at = excluded.checked_at
), verdict AS (
    INSERT INTO verification_checkresult {_RESULT_COLUMNS}
    SELECT id, %(account_id)s, result, reason, blame, role, free, disposable, location, duration, normalized,
           did_you_mean, evidence::jsonb, true, charged, coalesce(checked_at, now())
    FROM asked
    RETURNING check_row_id, result, reason, blame, charged
)
{_PENDING}
"""  # constants

# Calls of one key that earlier results answer; these keep their evidence and their date.
RECORD_ALL_REUSED = f"""
WITH asked AS (
    SELECT nextval('verification_check_id_seq') AS id, a.*
    FROM unnest(%(addresses)b::text[], %(domains)b::text[], %(sources)b::bigint[], %(durations)b::int[],
                %(providers)b::text[]) AS a(address, domain, source, duration, provider)
), made AS ({_MADE}), verdict AS (
    INSERT INTO verification_checkresult {_RESULT_COLUMNS}
    SELECT asked.id, %(account_id)s, r.result, r.reason, r.blame, r.role, r.free, r.disposable,
           r.mail_server_location, asked.duration, r.normalized, r.did_you_mean, r.evidence, true, true, r.checked_at
    FROM asked JOIN verification_checkresult r ON r.check_row_id = asked.source
    RETURNING check_row_id, result, reason, blame, charged
)
{_PENDING}
"""  # constants
