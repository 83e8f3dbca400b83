"""The statements that move quota: one text a move, for Django's cursors and async psycopg connections alike.

Rows are locked in one order everywhere: reservation, key's usage, account's usage, period, credit.  A statement first
locks what it decides by (SELECT … FOR NO KEY UPDATE gives the newest version of a row), then writes the ledger or the
reservation, whose unique reference says whether the move is new, and moves amounts only when it is.  Each step reads
from the one before it, which fixes their order.  Days are those of the database's clock, in UTC.

All amounts of a row are set, from the locked version: `reserved = p.reserved + …` would be held against the constraints
with the version of the statement's snapshot first, and refused when that had less room than the newest.
"""

# Takes from the period first, then from credits; with a key, from its share of a period.
RESERVE = """
WITH who AS (
    SELECT %(account_id)s::bigint AS account_id, %(key_id)s::bigint AS key_id
), share AS (
    SELECT u.key_id, u.period_id, u.taken, k.monthly_cap
    FROM accounts_keyusage u JOIN who ON who.key_id = u.key_id JOIN accounts_licensekey k ON k.id = u.key_id
    FOR NO KEY UPDATE OF u
), period AS (
    SELECT p.id, p.account_id, p.granted, p.used, p.reserved, p.granted - p.used - p.reserved AS open, who.key_id
    FROM accounts_quotaperiod p JOIN who ON who.account_id = p.account_id
    WHERE p.starts_on <= (now() AT TIME ZONE 'UTC')::date AND p.ends_on > (now() AT TIME ZONE 'UTC')::date
      AND (SELECT count(*) FROM share) >= 0
    FOR NO KEY UPDATE OF p
), key AS (
    SELECT share.key_id, monthly_cap, CASE WHEN share.period_id = period.id THEN taken ELSE 0 END AS taken
    FROM share, period
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
      AND NOT EXISTS (SELECT FROM key WHERE %(amount)s::bigint > monthly_cap - taken)
), made AS (
    INSERT INTO accounts_reservation
        (account_id, reference, period_id, from_period, from_credit, settled, released, key_id, created_at, expires_at)
    SELECT account_id, %(reference)s::text, period_id, from_period, from_credit, 0, 0, key_id, now(),
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
), shared AS (
    UPDATE accounts_keyusage u SET period_id = made.period_id, taken = key.taken + %(amount)s::bigint
    FROM made, key WHERE u.key_id = key.key_id
), booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, key_id, note, created_at)
    SELECT made.account_id, 'reserve', %(amount)s::bigint, 'reserve:' || %(reference)s::text, made.period_id,
           split.key_id, '', now()
    FROM made, split
)
SELECT (SELECT id FROM made),
       (SELECT open FROM period),
       coalesce((SELECT open FROM credit), 0),
       (SELECT monthly_cap - taken FROM key)
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

# Locks the places that reservations' amounts go back to.  Expects `split` before it: one or many reservations.
_PLACES = """
share AS (
    SELECT u.key_id, u.taken, back.amount
    FROM accounts_keyusage u
    JOIN (SELECT key_id, period_id, sum(period_back + credit_back) AS amount FROM split GROUP BY key_id, period_id) back
      ON back.key_id = u.key_id AND back.period_id = u.period_id
    WHERE back.amount > 0
    ORDER BY u.key_id FOR NO KEY UPDATE OF u
), crowd AS (
    SELECT u.account_id, u.waiting, gone.calls
    FROM accounts_accountusage u
    JOIN (SELECT account_id, count(*) FILTER (WHERE is_call AND is_over) AS calls FROM split GROUP BY account_id) gone
      ON gone.account_id = u.account_id
    WHERE gone.calls > 0 AND (SELECT count(*) FROM share) >= 0
    FOR NO KEY UPDATE OF u
), period AS (
    SELECT p.id, p.granted, p.used, p.reserved, own.charged, own.freed
    FROM accounts_quotaperiod p
    JOIN (SELECT period_id, sum(period_used) AS charged, sum(period_used + period_back) AS freed
          FROM split GROUP BY period_id) own ON own.period_id = p.id
    WHERE (SELECT count(*) FROM crowd) >= 0
    ORDER BY p.id FOR NO KEY UPDATE OF p
), credit AS (
    SELECT c.id, c.balance, c.reserved, own.charged, own.freed
    FROM accounts_credit c
    JOIN (SELECT account_id, sum(credit_used) AS charged, sum(credit_used + credit_back) AS freed
          FROM split GROUP BY account_id) own ON own.account_id = c.account_id
    WHERE own.freed > 0 AND (SELECT count(*) FROM period) >= 0
    FOR NO KEY UPDATE OF c
)
"""

# Moves the amounts of `split` when something was `booked`.  A call is over with all that it held.
_GIVE = """
closed AS (
    UPDATE accounts_reservation r
    SET from_period = split.from_period - period_used - period_back,
        from_credit = split.from_credit - credit_used - credit_back,
        settled = split.settled + period_used + credit_used,
        released = split.released + period_back + credit_back,
        expires_at = CASE WHEN NOT is_over THEN r.expires_at END
    FROM split WHERE r.id = split.id AND EXISTS (SELECT FROM booked)
), moved AS (
    UPDATE accounts_quotaperiod p
    SET granted = period.granted, used = period.used + charged, reserved = period.reserved - freed
    FROM period WHERE p.id = period.id AND EXISTS (SELECT FROM booked)
), spent AS (
    UPDATE accounts_credit c
    SET balance = credit.balance - charged, reserved = credit.reserved - freed
    FROM credit WHERE c.id = credit.id AND EXISTS (SELECT FROM booked)
), shared AS (
    UPDATE accounts_keyusage u SET taken = greatest(share.taken - share.amount, 0)
    FROM share WHERE u.key_id = share.key_id AND EXISTS (SELECT FROM booked)
), left_crowd AS (
    UPDATE accounts_accountusage u SET waiting = greatest(crowd.waiting - crowd.calls, 0)
    FROM crowd WHERE u.account_id = crowd.account_id AND EXISTS (SELECT FROM booked)
)
"""

# Of reservations: what is still held, and whether it is of a call.
_HELD = """
    r.id, r.account_id, r.period_id, r.key_id, r.from_period, r.from_credit, r.settled, r.released,
    r.expires_at IS NOT NULL AND r.key_id IS NOT NULL AS is_call
"""

# What is used comes from the period first; what is released goes back to credits first.  So a reservation ends as
# if it had been made for the used amount only.
SETTLE = (
    f"""
WITH held AS (
    SELECT {_HELD}
    FROM accounts_reservation r WHERE reference = %(reference)s::text
    FOR NO KEY UPDATE
), used AS (
    SELECT *, least(%(used)s::bigint, from_period) AS period_used,
           greatest(%(used)s::bigint - from_period, 0) AS credit_used
    FROM held WHERE from_period + from_credit >= %(used)s::bigint + %(released)s::bigint
), split AS (
    SELECT *, least(%(released)s::bigint, from_credit - credit_used) AS credit_back,
           greatest(%(released)s::bigint - (from_credit - credit_used), 0) AS period_back,
           from_period + from_credit = %(used)s::bigint + %(released)s::bigint AS is_over
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
    f"""
WITH split AS (
    SELECT {_HELD}, true AS is_over,
           0 AS period_used, 0 AS credit_used, from_period AS period_back, from_credit AS credit_back
    FROM accounts_reservation r WHERE reference = %(reference)s::text AND from_period + from_credit > 0
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

# Ends calls of one account: each is charged what it `used`, and gets the rest back.  Tells which were under way.
END_CALLS = (
    f"""
WITH ended AS (
    SELECT * FROM unnest(%(references)s::text[], %(used)s::bigint[], %(entries)s::text[]) AS e(reference, used, entry)
), held AS (
    SELECT {_HELD}, r.reference, ended.used, ended.entry
    FROM accounts_reservation r JOIN ended ON ended.reference = r.reference
    WHERE r.from_period + r.from_credit > 0
    ORDER BY r.id FOR NO KEY UPDATE OF r
), used AS (
    SELECT *, least(used, from_period) AS period_used,
           least(greatest(used - from_period, 0), from_credit) AS credit_used
    FROM held
), split AS (
    SELECT *, from_period - period_used AS period_back, from_credit - credit_used AS credit_back, true AS is_over
    FROM used
),"""
    + _PLACES
    + """,
booked AS (
    INSERT INTO accounts_ledgerentry (account_id, kind, amount, reference, period_id, note, created_at)
    SELECT account_id, 'settle', period_used + credit_used, entry, period_id, '', now()
    FROM split WHERE period_used + credit_used > 0 AND EXISTS (SELECT FROM period)
    UNION ALL
    SELECT account_id, 'release', period_back + credit_back,
           CASE WHEN period_used + credit_used > 0 THEN entry || ':release' ELSE entry END, period_id, '', now()
    FROM split WHERE period_back + credit_back > 0 AND EXISTS (SELECT FROM period)
    RETURNING id
),"""
    + _GIVE
    + """
SELECT ARRAY(SELECT reference FROM split)
"""
)

FIND_ENTRIES = "SELECT ARRAY(SELECT reference FROM accounts_ledgerentry WHERE reference = ANY(%(entries)s::text[]))"

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

# Whether such a call was charged is in the ledger, which stays.  The prefix is found by an index.
FORGET_CALLS = """
DELETE FROM accounts_reservation WHERE id IN (
    SELECT id FROM accounts_reservation
    WHERE reference LIKE 'live:%' AND from_period + from_credit = 0 LIMIT 5000 FOR UPDATE SKIP LOCKED
)
"""
