"""What a job request would come to, without anything being kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Sum
from django.db.models.functions import Now

from accounts.domain import quota
from accounts.models import KeyKind, LicenseKey
from verification.domain import job_features, pieces, suppression
from verification.domain.intake import Recipient, check_request, request_rows
from verification.domain.known import digest_of_mailbox
from verification.domain.reuse import FRESH, SHORT_LIVED_SECONDS
from verification.models import Job, JobStatus

COUNT_FRESH = f"SELECT count(*) FROM ({FRESH}) AS fresh"  # a constant
PACE_DAYS = 30
PACE_ROWS = 100  # of a job that tells something of the pace


@dataclass(frozen=True, slots=True)
class Quote:
    """`cost`: checks at most; `left`: of the quota; `seconds`: by the pace of the last job, None when there is none."""

    total: int
    taken: int
    refused: int
    duplicate: int
    reusable: int
    cost: int
    left: int
    seconds: int | None


def quote(
    *,
    key: LicenseKey,
    recipients: Sequence[Recipient],
    features: Mapping[str, bool] | None = None,
    max_age: int | None = None,
    greylist_hours: int | None = None,
    sending_domain: str = "",
) -> Quote:
    """Say what a request would come to.  Raises FeatureDisabled, TooManyHours, AccountInactive, TooManyRows."""
    account = key.account
    config = check_request(account, rows=len(recipients), sending_domain=sending_domain)
    switched_off = job_features.switched_off(config, features or {})
    job_features.greylist_hours(config, greylist_hours)
    job = Job(account=account, sending_domain=sending_domain, **({} if max_age is None else {"max_age": max_age}))
    piece = pieces.begun(job)
    for row in request_rows(recipients):
        pieces.columns(piece, row)
    with connection.cursor() as cursor:
        piece.suppressed = len(suppression.find(cursor, job, piece.mailboxes).classifiers)
    is_live = key.kind == KeyKind.LIVE
    may_reuse = is_live and config.result_reuse and "result_reuse" not in switched_off
    reusable = count_reusable(job, piece.mailboxes) if may_reuse else 0
    return Quote(
        total=piece.total,
        taken=piece.taken,
        refused=len(piece.refused) + piece.not_wanted,
        duplicate=piece.duplicate,
        reusable=reusable,
        cost=piece.taken if is_live else 0,
        left=quota.left(account_id=account.pk),
        seconds=seconds_for(job, piece.taken - reusable) if is_live else None,
    )


def count_reusable(job: Job, mailboxes: Iterable[str]) -> int:
    """Tell of how many mailboxes the account has a result that is fresh enough."""
    hash_key = bytes(job.account.hash_key)
    values: dict[str, Any] = {  # Any: SQL parameters
        "account_id": job.account_id,
        "digests": [digest_of_mailbox(mailbox, hash_key=hash_key) for mailbox in mailboxes],
        "max_age": job.max_age,
        "short_lived": SHORT_LIVED_SECONDS,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_FRESH, values)
        return int(cursor.fetchone()[0])


def seconds_for(job: Job, rows: int) -> int | None:
    """Guess by the pace of the account's last job of some length; what is under way comes first."""
    ended = Job.objects.of(job.account).filter(
        status=JobStatus.FINISHED,
        sandbox=False,
        finished_at__gt=Now() - timedelta(days=PACE_DAYS),
        started_at__lt=F("finished_at"),
        total__gte=PACE_ROWS,
    )
    last = ended.order_by("-finished_at").first()
    asked = last.decided + last.undecided if last is not None else 0
    if last is None or last.started_at is None or last.finished_at is None or not asked:
        return None
    under_way = Job.objects.of(job.account).filter(status__in=[JobStatus.RUNNING, JobStatus.PARSING], sandbox=False)
    before = under_way.aggregate(rows=Sum("waiting"))["rows"] or 0
    return round((before + rows) * (last.finished_at - last.started_at).total_seconds() / asked)
