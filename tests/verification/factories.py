"""Jobs and uploads for tests, made the way the product makes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from accounts.models import Account, LicenseKey
from tests.factories import make_account, make_key
from verification.domain import intake
from verification.models import Job

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def make_job(emails: Sequence[str], *, account: Account | None = None, key: LicenseKey | None = None) -> Job:
    """Hand in a request with one recipient block."""
    account = account or (key.account if key else make_account())
    key = key or make_key(account)[0]
    recipients = [intake.Recipient(0, index, email) for index, email in enumerate(emails)]
    return intake.accept_recipients(account=account, key=key, recipients=recipients, now=NOW).job
