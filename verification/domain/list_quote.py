"""What a list that is held and read would come to: its counters, what is known of its rows, the quota, the pace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Sum

from accounts.domain import quota
from accounts.models import AccountConfig
from verification.domain import known_rows
from verification.domain.quote import PACE_DAYS, PACE_ROWS
from verification.domain.retention import HELD_DAYS
from verification.models import Classifier, EventType, Job

AGES = (7_200, 86_400, 7 * 86_400, known_rows.OLDEST_DAYS * 86_400)  # seconds that a result may be old, to choose from
FIRST_PACE = 0.05  # seconds a row, as long as no list tells: mail hosts, not we, set it
NEWEST_JOBS = 1_000  # of all accounts, that are looked through for one that tells of the pace
SUPPRESSED = (Classifier.SUPPRESSED, Classifier.PREVIOUSLY_BOUNCED, Classifier.TEMPORARY_SUPPRESSED)

# Seconds a row: of the account's last list of some length, else of the newest one of anybody; and what is under way.
PACE = """
WITH ended AS (
    SELECT account_id, finished_at,
           extract(epoch FROM finished_at - started_at) / nullif(decided + undecided, 0) AS pace
    FROM (
        (SELECT * FROM verification_job WHERE account_id = %(account)s ORDER BY created_at DESC LIMIT %(newest)s)
        UNION ALL (SELECT * FROM verification_job ORDER BY created_at DESC LIMIT %(newest)s)
    ) AS newest
    WHERE status = 'finished' AND NOT sandbox AND total >= %(rows)s
      AND finished_at > greatest(started_at, now() - make_interval(days => %(days)s))
)
SELECT (SELECT pace FROM ended WHERE pace IS NOT NULL
        ORDER BY account_id = %(account)s DESC, finished_at DESC LIMIT 1),
       (SELECT coalesce(sum(waiting), 0) FROM verification_job
        WHERE account_id = %(account)s AND status IN ('parsing', 'running') AND NOT is_held AND NOT sandbox)
"""


@dataclass(frozen=True, slots=True)
class ListQuote:
    """`taken`: rows to be asked, those of a sample among them; `cost`: checks at most; `reusable`: of these, by the age
    in seconds; `pace`: seconds a row, None where it is not known.
    """

    rows: int
    addresses: int
    malformed: int
    duplicate: int
    suppressed: int
    forbidden: int
    taken: int
    cost: int
    reusable: dict[int, int]
    left: int
    pace: float | None
    ahead: int

    @property
    def missing(self) -> int:
        return max(self.cost - self.left, 0)

    @property
    def remaining(self) -> int:
        return max(self.left - self.cost, 0)

    @property
    def is_first_guess(self) -> bool:
        return self.pace is None

    def seconds(self, max_age: int) -> int:
        """Guess how long it takes when results not older than this are used again; what is under way comes first."""
        asked = self.cost - self.reusable.get(max_age, 0)
        return round((self.ahead + asked) * (FIRST_PACE if self.pace is None else self.pace))


def quote(*, job: Job, config: AccountConfig) -> ListQuote:
    """Say what a list would come to that is held and read."""
    dropped = dropped_rows(job)
    malformed = dropped.get(Classifier.INVALID_FORMAT, 0)
    pace, ahead = pace_of(job)
    return ListQuote(
        rows=job.upload.row_count if job.address_columns and job.upload is not None else job.total,
        addresses=job.total - malformed,
        malformed=malformed,
        duplicate=job.duplicate,
        suppressed=sum(dropped.get(classifier, 0) for classifier in SUPPRESSED),
        forbidden=dropped.get(Classifier.FORBIDDEN_RECIPIENT, 0),
        taken=job.waiting + job.decided + job.undecided,
        cost=job.waiting,
        reusable=reusable(job) if config.result_reuse else {},
        left=quota.left(account_id=job.account_id),
        pace=pace,
        ahead=ahead,
    )


def reusable(job: Job) -> dict[int, int]:
    """Give how many rows that wait have an earlier result, by age; at most, for some may have been in a sample."""
    known = known_rows.fresh(job, ages=AGES)
    return {age: min(count, job.waiting) for age, count in known.items()}


def dropped_rows(job: Job) -> dict[str, int]:
    """Give how many rows were not taken, by classifier: as the feed has it, which is a few rows for each piece read."""
    events = job.events.filter(type=EventType.DROPPED).order_by().values_list("sub_type")
    return dict(events.annotate(rows=Sum(F("last_seq") - F("first_seq") + 1)))


def pace_of(job: Job) -> tuple[float | None, int]:
    """Give the seconds a row takes, None when nobody's list tells, and how many rows of the account come first."""
    values: dict[str, Any] = {  # Any: SQL parameters
        "account": job.account_id,
        "newest": NEWEST_JOBS,
        "rows": PACE_ROWS,
        "days": PACE_DAYS,
    }
    with connection.cursor() as cursor:
        cursor.execute(PACE, values)
        pace, ahead = cursor.fetchone()
    return (None if pace is None else float(pace)), int(ahead)


def thrown_away_at(job: Job, config: AccountConfig) -> datetime:
    """Tell when a list goes that nobody starts."""
    return job.created_at + timedelta(days=min(config.retention_days, HELD_DAYS))
