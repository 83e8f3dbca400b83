"""Reads the end state only: do rows, counters, charges and feed agree?"""

from __future__ import annotations

from django.db.models import Sum

from accounts.models import LedgerEntry, LedgerKind, QuotaPeriod, Reservation
from verification.models import Batch, CheckResult, Job, Tally


def assert_books_agree(job: Job) -> None:
    """Every row has its place, every charge its verdict, every event its number."""
    job.refresh_from_db()
    results = CheckResult.objects.filter(job=job)
    taken = results.filter(check_row__classifier="")
    assert job.checks.count() == job.total
    assert taken.filter(final=True).count() == job.decided + job.undecided
    assert taken.filter(result__in=("Ok", "Bad")).count() == job.decided
    assert (Tally.objects.filter(job=job).aggregate(n=Sum("count"))["n"] or 0) == results.filter(final=True).count()
    assert sum(len(ids) for ids in Batch.objects.filter(job=job).values_list("check_ids", flat=True)) >= job.waiting
    assert_feed_is_gapless(job)
    if not job.sandbox:
        assert_money(job, charged=results.filter(charged=True).count())


def assert_feed_is_gapless(job: Job) -> None:
    expected = 1
    for event in job.events.order_by("first_seq"):
        assert event.first_seq == expected
        assert event.last_seq == event.first_seq + max(len(event.check_ids), 1) - 1
        expected = event.last_seq + 1
    assert job.event_seq == expected - 1


def assert_money(job: Job, *, charged: int) -> None:
    reservation = Reservation.objects.filter(reference=f"job:{job.pk}").first()
    if reservation is None:
        assert charged == 0
        return
    settled = LedgerEntry.objects.filter(account=job.account, kind=LedgerKind.SETTLE)
    assert reservation.open == job.waiting
    assert reservation.settled == charged
    assert QuotaPeriod.objects.get(account=job.account).reserved == job.waiting
    assert QuotaPeriod.objects.get(account=job.account).used == charged
    assert (settled.aggregate(n=Sum("amount"))["n"] or 0) == charged
