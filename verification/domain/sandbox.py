"""What a sandbox key is answered: the engine's table of scenarios, and refusals to try: docs/api/sandbox.md."""

from __future__ import annotations

from collections.abc import Callable

from psycopg import OperationalError

from accounts.domain.quota import QuotaExceeded
from accounts.domain.refusals import AccountDisabled, KeyExpired, TooManyCalls
from verification.engine import scenarios
from verification.engine.types import Answer

REFUSALS: dict[str, Callable[[], Exception]] = {
    "expired@refused.test": KeyExpired,
    "disabled@refused.test": AccountDisabled,
    "quota@refused.test": lambda: QuotaExceeded(left=0, needed=1),
    "rate@refused.test": lambda: TooManyCalls(retry_after=60),
    "away@refused.test": lambda: OperationalError("made up for the sandbox"),
}


def answer(text: str) -> Answer:
    """Answer a single check without asking anybody.  Raises what REFUSALS holds for an address."""
    refusal = REFUSALS.get(text.lower())
    if refusal is not None:
        raise refusal()
    return scenarios.answer(text)
