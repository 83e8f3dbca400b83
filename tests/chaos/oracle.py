"""Judges by the end state alone."""

from __future__ import annotations

from collections import Counter

from tests.chaos.product import Product
from tests.chaos.work import expected

RESULTS = """
SELECT c.address, r.result, r.reason, r.final, r.charged, r.blame
FROM verification_check c LEFT JOIN verification_checkresult r ON r.check_row_id = c.id
"""
MONEY = """
SELECT (SELECT sum(used) FROM accounts_quotaperiod), (SELECT sum(reserved) FROM accounts_quotaperiod),
       (SELECT coalesce(sum(amount), 0) FROM accounts_ledgerentry WHERE kind = 'settle'),
       (SELECT sum(settled) FROM accounts_reservation)
"""
DELIVERED = "SELECT unnest(check_ids) FROM verification_event WHERE type = 'VERIFIED'"


def faults(product: Product, addresses: int) -> dict[str, int]:
    """Count what is wrong, by kind; all are 0 when the promise holds."""
    wanted = dict(map(expected, range(addresses)))
    rows = product.ask(RESULTS)
    times = Counter(row[0] for row in rows)
    ended = [row for row in rows if row[3]]
    charged = sum(bool(row[4]) for row in rows)
    delivered = Counter(check for (check,) in product.ask(DELIVERED))
    (money,) = product.ask(MONEY)
    (batches,) = product.ask("SELECT count(*) FROM verification_batch")[0]
    (open_jobs,) = product.ask("SELECT count(*) FROM verification_job WHERE status <> 'finished'")[0]
    (tallied,) = product.ask("SELECT coalesce(sum(count), 0) FROM verification_tally")[0]
    return {
        "addresses lost": len(wanted) - len({row[0] for row in ended}),
        "addresses doubled": sum(n - 1 for n in times.values()),
        "wrong verdicts": sum((row[1], row[2]) != wanted[row[0]] for row in ended),
        "put aside": sum(row[5] == "our_fault" for row in ended),
        "told of twice": sum(n - 1 for n in delivered.values()),
        "never told of": addresses - len(delivered),
        "tallies off": abs(tallied - addresses),
        "not charged": addresses - charged,
        "charges off the books": sum(abs(charged - figure) for figure in (money[0], money[2], money[3])),
        "still reserved": money[1],
        "batches left": batches,
        "jobs not done": open_jobs,
    }
