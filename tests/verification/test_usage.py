from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import close_old_connections, connection, transaction

from accounts.models import Account, KeyKind
from tests.factories import make_account, make_key
from tests.verification.factories import make_job
from tests.verification.test_drain import claim_one, expire_all, run_dir, work_off, write  # noqa: F401  # run_dir: a fixture for every test
from verification.domain import usage
from verification.domain.usage import Used
from verification.models import DailyTally, PendingTally

pytestmark = pytest.mark.django_db(transaction=True)
DAY = date(2026, 11, 22)


def add(account: Account, *, day: date = DAY, key_id: int | None = None, result: str = "Ok", count: int = 1) -> None:
    PendingTally.objects.create(
        account=account, key_id=key_id, day=day, source="live", result=result, reason="Success", blame="none",
        count=count, charged=count,
    )  # fmt: skip


def counts(account: Account, start: date = DAY, end: date = DAY, key_id: int | None = None) -> list[int]:
    return [used.count for used in usage.by_day(account=account, start=start, end=end, key_id=key_id)]


def test_what_is_pending_counts_as_what_is_folded() -> None:
    account = make_account()
    add(account, count=2)
    before = usage.by_day(account=account, start=DAY, end=DAY)
    assert before == [Used(DAY, None, "live", "Ok", "Success", "none", 2, 2)]
    assert usage.fold() == 1
    assert usage.by_day(account=account, start=DAY, end=DAY) == before
    add(account, count=3)
    assert counts(account) == [5]
    assert [usage.fold(), usage.fold()] == [1, 0]
    assert counts(account) == [5]


def test_accounts_days_keys_and_verdicts_stay_apart() -> None:
    account, other = make_account(), make_account()
    first, second = (make_key(account)[0].pk for _ in range(2))
    add(account, key_id=first, count=1)
    add(account, key_id=second, count=2)
    add(account, count=4)
    add(account, result="Bad", count=8)
    add(account, day=DAY + timedelta(days=1), count=16)
    add(other, count=32)
    for _ in range(2):
        assert counts(account) == [8, 4, 1, 2]
        assert counts(account, end=DAY + timedelta(days=1)) == [8, 4, 1, 2, 16]
        assert counts(account, key_id=second) == [2]
        assert counts(other) == [32]
        usage.fold()


def test_all_accounts_have_a_sum_of_their_own() -> None:
    for count in (1, 2):
        add(make_account(), count=count)
        usage.fold()
    (everybody,) = DailyTally.objects.filter(account=None)
    assert (everybody.count, everybody.charged, everybody.key_id) == (3, 3, None)


@pytest.mark.parametrize("days", [-1, usage.MOST_DAYS])
def test_a_range_is_bounded(days: int) -> None:
    with pytest.raises(usage.TooManyDays):
        usage.by_day(account=Account(pk=1), start=DAY, end=DAY + timedelta(days=days))


def test_two_who_fold_at_once_count_once() -> None:
    account = make_account()
    for _ in range(50):
        add(account)
    turned = threading.Barrier(2)

    def fold() -> None:
        turned.wait()
        usage.fold()
        close_old_connections()
        connection.close()

    both = [threading.Thread(target=fold) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert (sum(DailyTally.objects.filter(account=account).values_list("count", flat=True)), counts(account)) == (
        50,
        [50],
    )


def test_a_fold_that_is_rolled_back_changes_nothing() -> None:
    account = make_account()
    add(account)
    with transaction.atomic():
        usage.fold()
        transaction.set_rollback(True)
    assert (PendingTally.objects.count(), DailyTally.objects.count(), counts(account)) == (1, 0, [1])


def test_a_job_is_counted_with_its_results() -> None:
    key, _ = make_key(account := make_account(greylist_retry=False))
    make_job(["jane@ok.test", "joe@ok.test", "missing@ok.test", "jane@blocked.test"], account=account, key=key)
    work_off()
    today = datetime.now(UTC).date()
    assert usage.by_day(account=account, start=today, end=today) == [
        Used(today, key.pk, "job", "Bad", "MailboxDoesNotExist", "address", 1, 1),
        Used(today, key.pk, "job", "Ok", "Success", "none", 2, 2),
        Used(today, key.pk, "job", "RetryLater", "TransientNetworkFault", "our_address", 1, 0),
    ]


def test_what_is_written_twice_is_counted_once() -> None:
    """A flush that lost its lease, and one of rows that are there already, count nothing."""
    job = make_job(["jane@ok.test", "joe@ok.test"])
    (lost,) = claim_one()
    expire_all()
    assert not write(lost, job)
    (lease,) = claim_one()
    assert write(lease, job, complete=False)
    assert write(lease, job)
    today = datetime.now(UTC).date()
    assert counts(job.account, today, today) == [2]


def test_sandbox_jobs_are_not_counted() -> None:
    job = make_job(["jane@ok.test"], key=make_key(kind=KeyKind.SANDBOX)[0])
    work_off()
    job.refresh_from_db()
    assert (job.decided, PendingTally.objects.count(), DailyTally.objects.count()) == (1, 0, 0)
