"""The statements that move quota: one text a move, for Django's cursors and async psycopg connections alike.

Rows are locked in one order everywhere: reservation, period, credit.  A statement first locks what it decides by
(SELECT … FOR NO KEY UPDATE gives the newest version of a row), then writes the ledger or the reservation, whose unique
reference says whether the move is new, and moves amounts only when it is.  Each step reads from the one before it,
which fixes their order.  Days are those of the database's clock, in UTC.

All amounts of a row are set, from the locked version: `reserved = p.reserved + …` would be held against the constraints
with the version of the statement's snapshot first, and refused when that had less room than the newest.
"""

# Takes from the period first, then from credits.  Expects `who (account_id, key_id)` before it.
_TAKE = """
period AS (
    SELECT p.id, p.account_id, p.granted, p.used, p.reserved, p.granted - p.used - p.reserved AS open, who.key_id
    FROM accounts_quotaperiod p JOIN who ON who.account_id = p.account_id
    WHERE p.starts_on <= (now() AT TIME ZONE 'UTC')::date AND p.ends_on > (now() AT TIME ZONE 'UTC')::date
    FOR NO KEY UPDATE OF p
), credit AS (
    SELECT c.id, c.balance, c.reserved, c.balance - c.reserved AS open
    FROM accounts_credit c JOIN period ON period.account_id = c.account_id
    WHERE period.open < %(amount)s::bigint
    FOR NO KEY UPDATE OF c
), split AS (
    SELECT period.id AS period_id, period.account_id, period.key_id,
           least(%(amount)s::bigint, period.open) AS from_period,
           greatest(%(amount)s::bigint - period.open, 0) AS from_credit
    FROM period
    WHERE %(amount)s::bigint <= period.open + coalesce((SELECT open FROM credit), 0)
), made AS (
    INSERT INTO accounts_reservation
        (account_id, reference, period_id, from_period, from_credit, settled, released, created_at, expires_at)
    SELECT account_id, %(reference)s::text, period_id, from_period, from_credit, 0, 0, now(),
           now() + %(ttl_seconds)s::int * interval '1 second'
    FROM split
    ON CONFLICT (reference) DO NOTHING
    RETURNING id, account_id, period_id, from_period, from_credit
), taken AS (
    UPDATE accounts_quotaperiod p
    SET granted = period.granted, used = period.used, reserved = period.reserved + made.from_period
    FROM made, period WHERE p.id = period.id
), borrowed AS (
    UPDATE accounts_credit c SET balance = credit.balance, reserved = credit.reserved + made.from_credit
    FROM made, credit WHERE c.id = credit.id
), booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, key_id, note, created_at)
    SELECT made.account_id, 'reserve', %(amount)s::bigint, 'reserve:' || %(reference)s::text, made.period_id,
           split.key_id, '', now()
    FROM made, split
)
"""

RESERVE = (
    "WITH who AS (SELECT %(account_id)s::bigint AS account_id, %(key_id)s::bigint AS key_id),"
    + _TAKE
    + """
SELECT (SELECT id FROM made),
       (SELECT open FROM period),
       coalesce((SELECT open FROM credit), 0)
"""
)

# `who` is empty, and nothing is taken, for a key that may not reserve: refused, or a sandbox key.  The period is read
# once more without a lock (`shown`), for sandbox keys and refusals.
AUTHENTICATE_AND_RESERVE = (
    """
WITH key AS (
    SELECT k.id AS key_id, k.account_id, k.kind, k.revoked_at IS NOT NULL AS is_revoked,
           coalesce(k.expires_at <= now(), false)
               OR k.digest <> %(digest)s::bytea AND k.previous_until <= now() AS is_expired, a.status, a.hash_key,
           coalesce(c.verification_api, true) AS verification_api, to_jsonb(c) - 'updated_at' AS config,
           coalesce(k.last_used_at < now() - interval '5 minutes', true) AS use_is_news,
           cardinality(k.allowed_networks) > 0
               AND NOT coalesce(%(client)s::inet <<= ANY(k.allowed_networks::inet[]), false) AS is_afar,
           coalesce(NOT %(scope)s::text = ANY(k.scopes), false) AS lacks_scope
    FROM accounts_licensekey k
    JOIN accounts_account a ON a.id = k.account_id
    LEFT JOIN accounts_accountconfig c ON c.account_id = k.account_id AND c.sending_domain = ''
    WHERE k.digest = %(digest)s::bytea OR k.previous_digest = %(digest)s::bytea
), who AS (
    SELECT account_id, key_id FROM key
    WHERE kind = 'live' AND NOT is_revoked AND NOT is_expired AND status = 'active' AND verification_api
      AND NOT is_afar AND NOT lacks_scope
      AND %(amount)s::bigint > 0
),"""
    + _TAKE
    + """,
shown AS (
    SELECT p.granted, p.ends_on, p.granted - p.used - p.reserved AS open
    FROM accounts_quotaperiod p JOIN key ON key.account_id = p.account_id
    WHERE p.starts_on <= (now() AT TIME ZONE 'UTC')::date AND p.ends_on > (now() AT TIME ZONE 'UTC')::date
)
SELECT key.*, (SELECT id FROM made) AS reservation_id,
       coalesce((SELECT granted FROM period), shown.granted) AS granted,
       shown.ends_on,
       coalesce((SELECT open FROM period), shown.open)
           + coalesce((SELECT open FROM credit),
                      (SELECT balance - reserved FROM accounts_credit c WHERE c.account_id = key.account_id), 0)
           - coalesce((SELECT from_period + from_credit FROM made), 0) AS quota_left
FROM key LEFT JOIN shown ON true
"""
)

KEY_COLUMNS = (
    "key_id",
    "account_id",
    "kind",
    "is_revoked",
    "is_expired",
    "status",
    "hash_key",
    "verification_api",
    "config",
    "use_is_news",
    "is_afar",
    "lacks_scope",
    "reservation_id",
    "granted",
    "ends_on",
    "quota_left",
)

# At most once in five minutes and key, so that calls do not queue for the key's row.
NOTE_USE = """
UPDATE accounts_licensekey SET last_used_at = now(), last_used_from = %(client)s::inet
WHERE id = %(key_id)s::bigint AND coalesce(last_used_at < now() - interval '5 minutes', true)
"""

FIND_RESERVATION = "SELECT id FROM accounts_reservation WHERE reference = %(reference)s::text"

# A period starts on the latest reset day, but not before the end of the one before it.
MAKE_PERIOD = """
WITH clock AS (
    SELECT (now() AT TIME ZONE 'UTC')::date AS today
), month AS (
    SELECT a.id, a.monthly_quota, date_trunc('month', today)::date + a.reset_day - 1 AS reset, today
    FROM accounts_account a, clock WHERE a.id = %(account_id)s::bigint
), span AS (
    SELECT id, monthly_quota, (CASE WHEN reset <= today THEN reset ELSE reset - interval '1 month' END)::date AS start
    FROM month
), made AS (
    INSERT INTO accounts_quotaperiod (account_id, starts_on, ends_on, granted, used, reserved)
    SELECT span.id,
           greatest(start, (SELECT max(ends_on) FROM accounts_quotaperiod p WHERE p.account_id = span.id)),
           (start + interval '1 month')::date, monthly_quota, 0, 0
    FROM span
    WHERE NOT EXISTS (
        SELECT FROM accounts_quotaperiod p, clock
        WHERE p.account_id = span.id AND p.starts_on <= today AND p.ends_on > today
    )
    ON CONFLICT (account_id, starts_on) DO NOTHING
    RETURNING id, account_id, granted
)
INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
SELECT account_id, 'grant', granted, 'grant:' || id, id, '', now() FROM made
"""

# Locks the places that a reservation's amounts go back to.  Expects `split` before it.
_PLACES = """
period AS (
    SELECT p.id, p.granted, p.used, p.reserved
    FROM accounts_quotaperiod p JOIN split ON split.period_id = p.id
    FOR NO KEY UPDATE OF p
), credit AS (
    SELECT c.id, c.balance, c.reserved
    FROM accounts_credit c JOIN split ON split.account_id = c.account_id JOIN period ON period.id = split.period_id
    WHERE split.credit_used + split.credit_back > 0
    FOR NO KEY UPDATE OF c
)
"""

# Moves the amounts of `split` when something was `booked`.
_GIVE = """
closed AS (
    UPDATE accounts_reservation r
    SET from_period = split.from_period - period_used - period_back,
        from_credit = split.from_credit - credit_used - credit_back,
        settled = split.settled + period_used + credit_used,
        released = split.released + period_back + credit_back,
        expires_at = CASE WHEN split.from_period + split.from_credit
                               > period_used + credit_used + period_back + credit_back THEN r.expires_at END
    FROM split, booked WHERE r.id = split.id
), moved AS (
    UPDATE accounts_quotaperiod p
    SET granted = period.granted, used = period.used + period_used,
        reserved = period.reserved - period_used - period_back
    FROM split, booked, period WHERE p.id = period.id
), spent AS (
    UPDATE accounts_credit c
    SET balance = credit.balance - credit_used, reserved = credit.reserved - credit_used - credit_back
    FROM split, booked, credit WHERE c.id = credit.id
)
"""

# What is used comes from the period first; what is released goes back to credits first.  So a reservation ends as
# if it had been made for the used amount only.
SETTLE = (
    """
WITH held AS (
    SELECT id, account_id, period_id, from_period, from_credit, settled, released
    FROM accounts_reservation WHERE reference = %(reference)s::text
    FOR NO KEY UPDATE
), used AS (
    SELECT *, least(%(used)s::bigint, from_period) AS period_used,
           greatest(%(used)s::bigint - from_period, 0) AS credit_used
    FROM held WHERE from_period + from_credit >= %(used)s::bigint + %(released)s::bigint
), split AS (
    SELECT *, least(%(released)s::bigint, from_credit - credit_used) AS credit_back,
           greatest(%(released)s::bigint - (from_credit - credit_used), 0) AS period_back
    FROM used
),"""
    + _PLACES
    + """,
booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'settle', %(used)s::bigint, %(entry)s::text, period_id, '', now() FROM split, period
    ON CONFLICT (reference) DO NOTHING
    RETURNING id
), returned AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'release', %(released)s::bigint, %(entry)s::text || ':release', period_id, '', now()
    FROM split, booked WHERE %(released)s::bigint > 0
),"""
    + _GIVE
    + """
SELECT EXISTS (SELECT FROM booked), coalesce((SELECT from_period + from_credit FROM held), 0)
"""
)

FIND_ENTRY = "SELECT id FROM accounts_ledgerentry WHERE reference = %(entry)s::text"

CLOSE = (
    """
WITH split AS (
    SELECT id, account_id, period_id, from_period, from_credit, settled, released,
           0 AS period_used, 0 AS credit_used, from_period AS period_back, from_credit AS credit_back
    FROM accounts_reservation WHERE reference = %(reference)s::text AND from_period + from_credit > 0
    FOR NO KEY UPDATE
),"""
    + _PLACES
    + """,
booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'release', period_back + credit_back, %(entry)s::text, period_id, '', now() FROM split, period
    RETURNING id
),"""
    + _GIVE
    + """
SELECT period_back + credit_back FROM split
"""
)

LEFT = """
SELECT coalesce(
           (SELECT p.granted - p.used - p.reserved FROM accounts_quotaperiod p
            WHERE p.account_id = a.id AND p.starts_on <= (now() AT TIME ZONE 'UTC')::date
              AND p.ends_on > (now() AT TIME ZONE 'UTC')::date),
           a.monthly_quota)
       + coalesce((SELECT c.balance - c.reserved FROM accounts_credit c WHERE c.account_id = a.id), 0)
FROM accounts_account a WHERE a.id = %(account_id)s::bigint
"""

EXPIRED = """
SELECT reference FROM accounts_reservation
WHERE expires_at <= now() ORDER BY expires_at LIMIT 1000
"""
