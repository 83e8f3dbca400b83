"""The statements that move quota: one text a move, for Django's cursors and async psycopg connections alike.

Rows are locked in one order everywhere: reservation, period, credit.  A statement first locks what it decides by
(SELECT … FOR NO KEY UPDATE gives the newest version of a row), then writes the ledger or the reservation, whose unique
reference says whether the move is new, and moves amounts only when it is.  Each step reads from the one before it,
which fixes their order.  Days are those of the database's clock, in UTC.
"""

# Takes from the period first, then from credits.  Expects `who (account_id, key_id)` before it.
_TAKE = """
period AS (
    SELECT p.id, p.account_id, p.granted, p.ends_on, p.granted - p.used - p.reserved AS open, who.key_id
    FROM accounts_quotaperiod p JOIN who ON who.account_id = p.account_id
    WHERE p.starts_on <= (now() AT TIME ZONE 'UTC')::date AND p.ends_on > (now() AT TIME ZONE 'UTC')::date
    FOR NO KEY UPDATE OF p
), credit AS (
    SELECT c.balance - c.reserved AS open
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
    RETURNING id, period_id, account_id, from_period, from_credit
), taken AS (
    UPDATE accounts_quotaperiod p SET reserved = p.reserved + made.from_period
    FROM made WHERE p.id = made.period_id
    RETURNING p.id
), borrowed AS (
    UPDATE accounts_credit c SET reserved = c.reserved + made.from_credit
    FROM made, taken WHERE c.account_id = made.account_id AND made.from_credit > 0
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

# What is used comes from the period first; what is released goes back to credits first.  So a reservation ends as
# if it had been made for the used amount only.
SETTLE = """
WITH held AS (
    SELECT id, account_id, period_id, from_period, from_credit
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
), booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'settle', %(used)s::bigint, %(entry)s::text, period_id, '', now() FROM split
    ON CONFLICT (reference) DO NOTHING
    RETURNING id
), returned AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'release', %(released)s::bigint, %(entry)s::text || ':release', period_id, '', now()
    FROM split, booked WHERE %(released)s::bigint > 0
), closed AS (
    UPDATE accounts_reservation r
    SET from_period = r.from_period - period_used - period_back,
        from_credit = r.from_credit - credit_used - credit_back,
        settled = r.settled + %(used)s::bigint,
        released = r.released + %(released)s::bigint,
        expires_at = CASE WHEN r.from_period + r.from_credit > %(used)s::bigint + %(released)s::bigint
                          THEN r.expires_at END
    FROM split, booked WHERE r.id = split.id
), moved AS (
    UPDATE accounts_quotaperiod p SET used = p.used + period_used, reserved = p.reserved - period_used - period_back
    FROM split, booked WHERE p.id = split.period_id
    RETURNING p.id
), spent AS (
    UPDATE accounts_credit c
    SET balance = c.balance - credit_used, reserved = c.reserved - credit_used - credit_back
    FROM split, moved WHERE c.account_id = split.account_id AND credit_used + credit_back > 0
)
SELECT EXISTS (SELECT FROM booked), coalesce((SELECT from_period + from_credit FROM held), 0)
"""

FIND_ENTRY = "SELECT id FROM accounts_ledgerentry WHERE reference = %(entry)s::text"

CLOSE = """
WITH held AS (
    SELECT id, account_id, period_id, from_period, from_credit
    FROM accounts_reservation WHERE reference = %(reference)s::text AND from_period + from_credit > 0
    FOR NO KEY UPDATE
), booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'release', from_period + from_credit, %(entry)s::text, period_id, '', now() FROM held
    RETURNING id
), closed AS (
    UPDATE accounts_reservation r
    SET from_period = 0, from_credit = 0, released = r.released + held.from_period + held.from_credit, expires_at = NULL
    FROM held, booked WHERE r.id = held.id
), moved AS (
    UPDATE accounts_quotaperiod p SET reserved = p.reserved - held.from_period
    FROM held, booked WHERE p.id = held.period_id
    RETURNING p.id
), spent AS (
    UPDATE accounts_credit c SET reserved = c.reserved - held.from_credit
    FROM held, moved WHERE c.account_id = held.account_id AND held.from_credit > 0
)
SELECT from_period + from_credit FROM held
"""

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
