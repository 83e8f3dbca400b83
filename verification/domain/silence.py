"""What tells that work stands still.  SQL text only: the supervisor, which knows no Django, asks it.

A lease lives 20 s from its taking or its last renewal, so that a live one tells of somebody at work.  A lease taken
and done between two looks changes what is claimable: its number or its newest batch.
"""

# Of all that could be claimed: how many batches, the newest of them; and whether anybody holds a live lease.
# A lease that expired counts as claimable: the sweeper, which frees it, may be what stands still.
# A list that waits to be read counts as well; one being read is locked.
CLAIMABLE = """
WITH unread AS (SELECT FROM verification_job WHERE status = 'parsing' FOR KEY SHARE SKIP LOCKED)
SELECT count(*) + (SELECT count(*) FROM unread), coalesce(max(b.id), 0),
       EXISTS (SELECT 1 FROM verification_batch WHERE token IS NOT NULL AND lease_until > now())
FROM verification_batch b
JOIN verification_job j ON j.id = b.job_id AND j.status = 'running'
JOIN accounts_account a ON a.id = j.account_id AND a.status = 'active'
WHERE b.due_at <= now() AND (b.token IS NULL OR b.lease_until <= now())
"""
