"""What tells that work stands still.  SQL text only: the supervisor, which knows no Django, asks it.

Three kinds of work are looked at apart, as each can stand still while another goes on: batches that are well, batches
suspected of killing their worker, and lists to be read.  A lease lives 20 s from its taking or its last renewal, so
that a live one tells of somebody at work.  A lease taken and done between two looks changes what is claimable: its
number or its newest batch.
"""

# Jobs whose batches may be claimed once they are due: of a list that is held those of its free sample.
AT_WORK = "(j.status IN ('running', 'parsing') OR j.status = 'ready' AND j.sample_rows > 0)"

# Of the batches of a kind that could be claimed: how many, and the newest; and whether a lease of one is alive.
# A lease that expired counts as claimable: the sweeper, which frees it, may be what stands still.
CLAIMABLE = f"""
SELECT suspect, count(w.id), coalesce(max(w.id), 0), EXISTS (
    SELECT 1 FROM verification_batch
    WHERE token IS NOT NULL AND lease_until > now() AND (alone OR attempts > 0) = suspect
)
FROM (VALUES (false), (true)) AS kind(suspect)
LEFT JOIN (
    SELECT b.id, b.alone OR b.attempts > 0 AS suspect FROM verification_batch b
    JOIN verification_job j ON j.id = b.job_id AND {AT_WORK}
    JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
    WHERE b.due_at <= now() AND (b.token IS NULL OR b.lease_until <= now())
) w USING (suspect)
GROUP BY suspect ORDER BY suspect
"""  # constants

# Whoever reads a list holds an advisory lock, which goes with the reader's session: of this class, and the job's id.
READERS = 7_242_364  # any number
_BEING_READ = f"""
hashtext(id::text) IN (
    SELECT objid::bigint::bit(32)::int FROM pg_locks
    WHERE locktype = 'advisory' AND classid = {READERS} AND objsubid = 2
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)"""
UNREAD = f"SELECT id FROM verification_job WHERE is_reading AND NOT {_BEING_READ}"
LISTS = f"""
SELECT upload_id::text, {_BEING_READ} FROM verification_job WHERE is_reading AND upload_id IS NOT NULL ORDER BY 1
"""

# A reader either sends rows, which are counted, or waits for the server, which is at work.  One that is frozen does
# neither.
READING = """
SELECT (SELECT coalesce(sum(tuples_processed), 0) FROM pg_stat_progress_copy WHERE datname = current_database()),
       EXISTS (
           SELECT 1 FROM pg_stat_activity
           WHERE datname = current_database() AND application_name = 'portal-cluster' AND state = 'active'
             AND xact_start < now() - interval '1 second' AND wait_event_type IS DISTINCT FROM 'Client'
       )
"""
