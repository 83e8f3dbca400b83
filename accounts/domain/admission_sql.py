"""The statement that lets calls of one key in: authenticates, checks scope, network, rate and cap, and reserves.

It takes any number of calls that come alike (same secret, same address, for the same), so that a crowd of them shares
a transaction.  Each limit lets a first part of them in, and the next limit a part of these: `rate_in` >= `busy_in` >=
`cap_in` >= `quota_in`.  Whoever reads the row tells from its turn which limit a call met.

Rows are locked in the order of quota_sql: key's usage, account's usage, period, credit.  A row that is locked is read
in its newest version, one that was made meanwhile is not seen: when a place to count in is missing, nothing is counted,
the place is made, and the statement sent again.  A reference that was let in before is let in again and takes nothing.

A minute begins with its first call.  With the first call too many a new one begins, in which all are refused: `calls`
is then the limit plus 1.
"""

from accounts.models import AccountConfig

IDENTIFY = """
SELECT k.account_id, a.hash_key
FROM accounts_licensekey k JOIN accounts_account a ON a.id = k.account_id
WHERE k.digest = %(digest)s::bytea OR k.previous_digest = %(digest)s::bytea
"""

# `refusal`: not let in at all.  `unfit`: counted as a call, and then refused.
_WHO = f"""
call AS (
    SELECT *, EXISTS (
        SELECT FROM accounts_ledgerentry e WHERE %(amount)s::bigint > 0 AND e.reference = 'reserve:' || c.reference
    ) AS again
    FROM unnest(%(references)s::text[], %(ttls)s::int[]) WITH ORDINALITY AS c(reference, ttl_seconds, place)
), fresh AS (
    SELECT reference, ttl_seconds, row_number() OVER (ORDER BY place) AS turn FROM call WHERE NOT again
), key AS (
    SELECT k.id AS key_id, k.account_id, k.kind, k.monthly_cap, k.calls_per_minute AS key_limit, a.monthly_quota,
           coalesce(c.calls_per_minute, {AccountConfig().calls_per_minute}) AS account_limit,
           coalesce(c.concurrent_calls, {AccountConfig().concurrent_calls}) AS concurrent_limit,
           (to_jsonb(c) - 'updated_at')::text AS config,
           (SELECT count(*) FROM fresh) AS n,
           k.kind = 'live' AND %(amount)s::bigint > 0 AS takes,
           %(at_once)s::bool AND coalesce(c.result_reuse, true) AS at_once,
           CASE WHEN k.revoked_at IS NOT NULL THEN 'revoked'
                WHEN k.expires_at <= now() OR k.digest <> %(digest)s::bytea AND k.previous_until <= now() THEN 'expired'
                WHEN a.status <> 'active' THEN 'disabled'
                WHEN cardinality(k.allowed_networks) > 0
                     AND NOT coalesce(%(client)s::inet <<= ANY(k.allowed_networks::inet[]), false) THEN 'network'
           END AS refusal,
           CASE WHEN NOT %(scope)s::text = ANY(k.scopes) THEN 'scope'
                WHEN %(scope)s::text = 'verify' AND NOT coalesce(c.verification_api, true) THEN 'feature'
           END AS unfit
    FROM accounts_licensekey k
    JOIN accounts_account a ON a.id = k.account_id
    LEFT JOIN accounts_accountconfig c ON c.account_id = k.account_id AND c.sending_domain = ''
    WHERE k.digest = %(digest)s::bytea OR k.previous_digest = %(digest)s::bytea
), noted AS (
    UPDATE accounts_licensekey k SET last_used_at = now(), last_used_from = %(client)s::inet
    FROM key WHERE k.id = key.key_id AND key.refusal IS NULL
               AND coalesce(k.last_used_at < now() - interval '5 minutes', true)
)"""  # constants

# Whoever is refused for the rate counts nothing more; a limit of NULL is none.
_RATED = """
key_usage AS (
    SELECT u.*, u.since > now() - interval '1 minute' AS goes_on
    FROM accounts_keyusage u JOIN key ON u.key_id = key.key_id WHERE key.refusal IS NULL
    FOR NO KEY UPDATE OF u
), account_usage AS (
    SELECT u.*, u.since > now() - interval '1 minute' AS goes_on
    FROM accounts_accountusage u JOIN key ON u.account_id = key.account_id JOIN key_usage ON true
    FOR NO KEY UPDATE OF u
), used AS (
    SELECT key.*, a.waiting, k.period_id, k.taken, k.since AS key_since, a.since AS account_since,
           CASE WHEN k.goes_on THEN k.calls ELSE 0 END AS key_calls,
           CASE WHEN a.goes_on THEN a.calls ELSE 0 END AS account_calls,
           coalesce(k.goes_on, false) AS key_goes_on, coalesce(a.goes_on, false) AS account_goes_on
    FROM key, key_usage k, account_usage a
), open AS (
    SELECT *, key_limit - least(key_calls, key_limit) AS key_open,
           account_limit - least(account_calls, account_limit) AS account_open
    FROM used
), rated AS (
    SELECT *, CASE WHEN %(counts)s::bool THEN least(n, key_open) ELSE n END AS key_in,
           CASE WHEN %(counts)s::bool THEN least(n, key_open, account_open) ELSE n END AS rate_in
    FROM open
), turned AS (
    SELECT *, n > key_in AND key_calls <= key_limit AS key_is_full,
           key_in > rate_in AND account_calls <= account_limit AS account_is_full,
           CASE WHEN takes AND NOT at_once THEN least(rate_in, greatest(concurrent_limit - waiting, 0))
                ELSE rate_in END AS busy_in
    FROM rated
)"""

_FUNDED = """
period AS (
    SELECT p.id, p.granted, p.used, p.reserved, p.granted - p.used - p.reserved AS open
    FROM accounts_quotaperiod p JOIN turned ON turned.account_id = p.account_id
    WHERE turned.takes AND turned.unfit IS NULL AND turned.busy_in > 0
      AND p.starts_on <= (now() AT TIME ZONE 'UTC')::date AND p.ends_on > (now() AT TIME ZONE 'UTC')::date
    FOR NO KEY UPDATE OF p
), ready AS (
    SELECT FROM turned
    WHERE NOT (takes AND unfit IS NULL AND busy_in > 0) OR EXISTS (SELECT FROM period)
), present AS (
    SELECT turned.*, period.id AS present_id, period.open AS period_open,
           CASE WHEN turned.period_id = period.id THEN taken ELSE 0 END AS taken_before
    FROM turned, period
), capped AS (
    SELECT *, least(busy_in, (monthly_cap - least(taken_before, monthly_cap)) / %(amount)s::bigint) AS cap_in
    FROM present
), credit AS (
    SELECT c.id, c.balance, c.reserved, c.balance - c.reserved AS open
    FROM accounts_credit c JOIN capped ON capped.account_id = c.account_id
    WHERE capped.period_open < capped.cap_in * %(amount)s::bigint
    FOR NO KEY UPDATE OF c
), funded AS (
    SELECT capped.*,
           least(cap_in, (period_open + coalesce((SELECT open FROM credit), 0)) / %(amount)s::bigint) AS quota_in
    FROM capped
), total AS (
    SELECT key_id, account_id, present_id, at_once, cap_in, quota_in, taken_before, period_open,
           quota_in * %(amount)s::bigint AS amount,
           least(quota_in * %(amount)s::bigint, period_open) AS from_period,
           greatest(quota_in * %(amount)s::bigint - period_open, 0) AS from_credit
    FROM funded
)"""

# Each row once, all that it is about together; amounts from the locked version, as in quota_sql.
_BOOKED = """
taken AS (
    SELECT fresh.*, total.account_id, total.key_id, total.present_id, total.at_once,
           greatest(least(%(amount)s::bigint, period_open - (turn - 1) * %(amount)s::bigint), 0) AS from_period
    FROM fresh, total WHERE turn <= quota_in
), made AS (
    INSERT INTO accounts_reservation
        (account_id, reference, period_id, from_period, from_credit, settled, released, key_id, created_at, expires_at)
    SELECT account_id, reference, present_id, from_period, %(amount)s::bigint - from_period, 0, 0, key_id, now(),
           now() + ttl_seconds * interval '1 second'
    FROM taken WHERE NOT at_once
), booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, key_id, note, created_at)
    SELECT account_id, 'reserve', %(amount)s::bigint, 'reserve:' || reference, present_id, key_id, '', now() FROM taken
    UNION ALL
    SELECT account_id, 'settle', %(amount)s::bigint, reference, present_id, key_id, '', now() FROM taken WHERE at_once
), moved AS (
    UPDATE accounts_quotaperiod p
    SET granted = period.granted,
        used = period.used + CASE WHEN at_once THEN total.from_period ELSE 0 END,
        reserved = period.reserved + CASE WHEN at_once THEN 0 ELSE total.from_period END
    FROM total, period WHERE p.id = period.id AND total.amount > 0
), spent AS (
    UPDATE accounts_credit c
    SET balance = credit.balance - CASE WHEN at_once THEN total.from_credit ELSE 0 END,
        reserved = credit.reserved + CASE WHEN at_once THEN 0 ELSE total.from_credit END
    FROM total, credit WHERE c.id = credit.id AND total.from_credit > 0
), counted_by_key AS (
    UPDATE accounts_keyusage u
    SET since = CASE WHEN NOT %(counts)s::bool OR key_limit IS NULL THEN u.since
                     WHEN key_is_full OR NOT key_goes_on THEN now() ELSE key_since END,
        calls = CASE WHEN NOT %(counts)s::bool OR key_limit IS NULL THEN u.calls
                     WHEN n > key_in THEN key_limit + 1 ELSE key_calls + rate_in END,
        period_id = coalesce(total.present_id, u.period_id),
        taken = coalesce(total.taken_before + total.amount, u.taken)
    FROM ready, turned LEFT JOIN total USING (key_id)
    WHERE u.key_id = turned.key_id
      AND (total.amount > 0 OR %(counts)s::bool AND (key_is_full OR turned.rate_in > 0 AND turned.key_limit > 0))
), counted_by_account AS (
    UPDATE accounts_accountusage u
    SET since = CASE WHEN NOT %(counts)s::bool THEN u.since
                     WHEN account_is_full OR NOT account_goes_on THEN now() ELSE account_since END,
        calls = CASE WHEN NOT %(counts)s::bool THEN u.calls
                     WHEN key_in > rate_in THEN account_limit + 1 ELSE account_calls + rate_in END,
        waiting = turned.waiting + (SELECT count(*) FROM taken WHERE NOT at_once)
    FROM ready, turned WHERE u.account_id = turned.account_id AND (account_is_full OR rate_in > 0)
)"""

_SHOWN = """
SELECT key.refusal, key.unfit, turned.n IS NOT NULL, EXISTS (SELECT FROM ready),
       key.key_id, key.account_id, key.kind, key.config, key.at_once,
       turned.key_in, turned.rate_in, turned.busy_in, total.cap_in, total.quota_in,
       key.key_limit, key.account_limit, turned.key_open, turned.account_open,
       CASE WHEN key_goes_on AND NOT key_is_full
            THEN least(ceil(extract(epoch FROM key_since + interval '1 minute' - now())), 60) ELSE 60 END::int,
       CASE WHEN account_goes_on AND NOT account_is_full
            THEN least(ceil(extract(epoch FROM account_since + interval '1 minute' - now())), 60) ELSE 60 END::int,
       coalesce(period.open,
                (SELECT p.granted - p.used - p.reserved FROM accounts_quotaperiod p
                 WHERE p.account_id = key.account_id AND p.starts_on <= (now() AT TIME ZONE 'UTC')::date
                   AND p.ends_on > (now() AT TIME ZONE 'UTC')::date),
                key.monthly_quota)
           + coalesce(credit.open,
                      (SELECT c.balance - c.reserved FROM accounts_credit c WHERE c.account_id = key.account_id), 0),
       ARRAY(SELECT reference FROM call WHERE again)
FROM key LEFT JOIN turned ON true LEFT JOIN total ON true LEFT JOIN period ON true LEFT JOIN credit ON true
"""

ADMIT = f"WITH {_WHO}, {_RATED}, {_FUNDED}, {_BOOKED} {_SHOWN}"  # constants

MAKE_USAGE = """
WITH of_account AS (
    INSERT INTO accounts_accountusage (account_id, calls, waiting)
    SELECT account_id, 0, 0 FROM accounts_licensekey WHERE id = %(key_id)s::bigint ON CONFLICT DO NOTHING
)
INSERT INTO accounts_keyusage (key_id, calls, taken) VALUES (%(key_id)s::bigint, 0, 0) ON CONFLICT DO NOTHING
"""
