"""Places where a test lets the process die, as kill -9 would.  In production they cannot be armed.

FAILPOINT names one of them, or one and how often it is passed before: `flush_locked` or `flush_locked:2`.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

from django.conf import settings

PLACES = (
    *("intake_copied", "intake_before_commit", "list_piece_cut", "list_piece_committed", "list_before_unlink"),
    "bell_before_ring",
    *("claim_before_commit", "claim_committed", "renewed", "after_smtp_before_commit"),
    *("flush_locked", "flush_results_written", "flush_counted", "flush_settled", "flush_committed"),
    *("job_finished_before_commit", "release_before_commit"),
    *("expiry_before_split", "poison_claimed"),
    *("block_before_commit", "erased_before_commit"),
    *("export_written", "export_before_offer"),
    *("live_admitted", "live_before_settle", "live_settled"),
)
passed: Counter[str] = Counter()


def failpoint(place: str) -> None:
    """Die here when asked to; does nothing otherwise."""
    if not settings.FAILPOINT:
        return
    wanted, _, times = settings.FAILPOINT.partition(":")
    if place == wanted:
        passed[place] += 1
        if passed[place] > int(times or 0):
            os.kill(os.getpid(), signal.SIGKILL)
