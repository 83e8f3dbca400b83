"""When greylisted and transient rows are tried again."""

from __future__ import annotations

from django.conf import settings

from verification.engine.types import Reason, Result, Verdict

MINUTES = (5.0, 15.0, 30.0, 60.0)  # after the try before; then hourly, until the settings' hours are over


def may_change(verdict: Verdict) -> bool:
    """Tell whether a later try may say something else."""
    return verdict.result == Result.RETRY_LATER or verdict.reason == Reason.GREY_LISTING


def minutes_until_next(tries: int) -> float | None:
    """Give the wait after a number of tries (the first counts), None when there is to be no other."""
    if settings.RETRY_MINUTES:
        return settings.RETRY_MINUTES[tries - 1] if tries <= len(settings.RETRY_MINUTES) else None
    return MINUTES[min(tries, len(MINUTES)) - 1]
