"""Judges by the end state and by what clients were told; nobody works on the jobs meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from tests.chaos.post_clients import Sent

Ask = Callable[[str], list[tuple[Any, ...]]]  # Any: columns

JOBS = """
SELECT j.reference_job, j.id::text, j.total, j.waiting, j.event_seq,
       (SELECT array_agg(c.address ORDER BY c.position) FROM verification_check c WHERE c.job_id = j.id),
       (SELECT sum(cardinality(b.check_ids)) FROM verification_batch b WHERE b.job_id = j.id),
       (SELECT count(*) FROM verification_event e WHERE e.job_id = j.id),
       (SELECT sum(r.from_period + r.from_credit + r.settled + r.released)
        FROM accounts_reservation r WHERE r.reference = 'job:' || j.id)
FROM verification_job j
"""
ORPHANS = """
SELECT (SELECT count(*) FROM verification_check
        WHERE job_id IS NULL OR job_id NOT IN (SELECT id FROM verification_job)),
       (SELECT count(*) FROM verification_batch WHERE job_id NOT IN (SELECT id FROM verification_job)),
       (SELECT count(*) FROM accounts_reservation
        WHERE reference NOT IN (SELECT 'job:' || id FROM verification_job))
"""
MONEY = """
SELECT (SELECT sum(reserved) FROM accounts_quotaperiod) - (SELECT coalesce(sum(waiting), 0) FROM verification_job),
       (SELECT sum(used) FROM accounts_quotaperiod)
"""


def faults(ask: Ask, requests: Sequence[Sent]) -> dict[str, int]:
    """Count what is wrong, by kind; all are 0 when the promise holds."""
    kept: dict[str, list[tuple[Any, ...]]] = defaultdict(list)  # Any: columns
    for name, *columns in ask(JOBS):
        kept[name].append(tuple(columns))
    wanted = {sent.name: sent for sent in requests}
    return {
        "accepted and lost": sum(not set(sent.jobs) <= {row[0] for row in kept[sent.name]} for sent in requests),
        "never answered": sum(sent.keyed and not sent.jobs for sent in requests),
        "two answers, two jobs": sum(len(set(sent.jobs)) > 1 for sent in requests),
        "jobs doubled": sum(max(len(kept[sent.name]) - 1, 0) for sent in requests),
        "jobs in part": sum(not is_whole(row, wanted[name].emails) for name, rows in kept.items() for row in rows),
        "jobs of nobody": len(kept.keys() - wanted.keys()),
        "rows without a job": sum(ask(ORPHANS)[0]),
        "money off": sum(abs(amount) for amount in ask(MONEY)[0]),
        "other answers": sum(len(sent.other) for sent in requests),
    }


def is_whole(row: tuple[Any, ...], emails: list[str]) -> bool:  # Any: columns
    """Tell whether a job has all of its rows, in batches, counted, told of and reserved."""
    _, total, waiting, event_seq, addresses, batched, events, reserved = row
    is_counted = total == waiting == batched == reserved == len(emails) and event_seq == events == 1
    return bool(addresses == emails and is_counted)
