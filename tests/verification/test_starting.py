"""Lists that are held: counted, and nothing asked or set aside before somebody starts them."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.domain import quota
from accounts.domain.config import FeatureDisabled
from accounts.models import Account, AccountConfig, LedgerEntry, LedgerKind, OutgoingMail, Reservation, User
from tests.factories import make_account, make_member
from tests.verification.books import assert_books_agree
from tests.verification.factories import NOW, give_verdict, hold_list, make_job, make_upload, owner_of
from verification.domain import (
    erasures,
    intake,
    job_features,
    jobs,
    known_rows,
    list_quote,
    readings,
    retention,
    starting,
)
from verification.domain.claims import CLAIM
from verification.domain.known import digest_of_mailbox
from verification.domain.list_quote import AGES
from verification.domain.lists import Reading
from verification.domain.starting import Options
from verification.domain.sweeper import Sweeper
from verification.engine.types import Reason, Result
from verification.models import (
    EventType,
    Job,
    JobStatus,
    KnownMailbox,
    KnownRows,
    Suppression,
    SuppressionKind,
)

pytestmark = pytest.mark.django_db(transaction=True)
MIXED = "email\na@ok.test\nb@ok.test\na@OK.test\nnobody\nbounced@ok.test\n"


@pytest.fixture(autouse=True)
def _uploads(settings: Settings, tmp_path: Path) -> None:
    settings.UPLOADS = tmp_path


def start(job: Job, user: User | None = None, **options: Any) -> bool:
    return starting.start(job=job, user=user or owner_of(job.account), options=Options(**options))


def quoted(job: Job) -> list_quote.ListQuote:
    return list_quote.quote(job=job, config=AccountConfig.objects.get(account=job.account))


def claimable(job: Job) -> int:
    """Tell how many batches a drain would take."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"limit": 10, "suspects": False, "lease": 20, "but": []})
        return sum(row[2] == job.pk for row in cursor.fetchall())


def suppress(account: Account, mailbox: str) -> Suppression:
    return Suppression.objects.create(
        account=account, mailbox=mailbox, kind=SuppressionKind.SOFT, source="api", until=Now() + timedelta(days=1)
    )


def test_a_list_that_is_held_is_counted_and_costs_nothing() -> None:
    account = make_account(monthly_quota=10)
    suppress(account, "bounced@ok.test")
    until = Suppression.objects.get().until
    job = hold_list(MIXED, account=account)

    assert (job.status, job.is_held, job.is_reading, job.started_at) == (JobStatus.READY, True, False, None)
    assert (job.total, job.waiting, job.refused, job.duplicate) == (5, 2, 2, 1)
    assert (quota.left(account_id=account.pk), Reservation.objects.count()) == (10, 0)
    assert claimable(job) == 0
    found = quoted(job)
    assert (found.rows, found.addresses, found.malformed, found.duplicate, found.suppressed) == (5, 4, 1, 1, 1)
    assert (found.cost, found.left, found.remaining, found.missing, found.is_first_guess) == (2, 10, 8, 0, True)
    assert {event.type for event in job.events.all()} == {EventType.DROPPED}
    assert Suppression.objects.get().until == until  # nobody has decided to write to it
    assert_books_agree(job)


def test_its_start_sets_aside_what_it_costs_and_sets_it_to_work() -> None:
    account = make_account(monthly_quota=3)
    job, teammate = hold_list(MIXED, account=account), make_member(account)

    assert start(job, teammate)

    job.refresh_from_db()
    assert (job.status, job.is_held, job.created_by) == (JobStatus.RUNNING, False, teammate)
    assert (quota.left(account_id=account.pk), Reservation.objects.get().open) == (0, 3)
    assert [event.type for event in job.events.order_by("first_seq")][-1] == EventType.STARTED
    assert claimable(job) == 1
    assert_books_agree(job)


def test_a_second_start_changes_nothing() -> None:
    job = hold_list()
    assert start(job, max_age=0)

    assert not start(job, max_age=86_400)

    job.refresh_from_db()
    assert (job.max_age, LedgerEntry.objects.filter(kind=LedgerKind.RESERVE).count()) == (0, 1)
    assert_books_agree(job)


def test_two_starts_at_once_are_one() -> None:
    job, begun = hold_list(), threading.Barrier(2)
    user, did = owner_of(job.account), []

    def press() -> None:
        begun.wait()
        did.append(start(job, user))
        connection.close()

    buttons = [threading.Thread(target=press) for _ in range(2)]
    for button in buttons:
        button.start()
    for button in buttons:
        button.join()

    assert sorted(did) == [False, True]
    assert_books_agree(job)


def test_a_start_without_enough_quota_leaves_it_held() -> None:
    account = make_account(monthly_quota=1)
    job = hold_list(MIXED, account=account)
    assert quoted(job).missing == 2

    with pytest.raises(quota.QuotaExceeded) as refused:
        start(job)

    job.refresh_from_db()
    assert (refused.value.needed, refused.value.left, job.status, job.is_held) == (3, 1, JobStatus.READY, True)
    assert quota.left(account_id=account.pk) == 1


def test_a_list_without_addresses_ends_as_it_is_started() -> None:
    job = hold_list("email,name\na@ok.test,x\nnobody,y\n")
    other = hold_list('email\na@b@c\n""@x\n')
    assert (job.waiting, other.status, other.waiting, quoted(other).cost) == (1, JobStatus.READY, 0, 0)

    assert start(other)

    other.refresh_from_db()
    assert (other.status, Reservation.objects.count()) == (JobStatus.FINISHED, 0)
    assert [event.type for event in other.events.order_by("first_seq")][-2:] == [EventType.STARTED, EventType.PROCESSED]
    assert OutgoingMail.objects.count() == 1
    assert_books_agree(other)


def test_one_that_is_still_read_can_be_started() -> None:
    account = make_account(monthly_quota=10)
    upload = make_upload(MIXED, account=account)
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(account), now=NOW, hold=True)

    assert start(job)
    assert quota.left(account_id=account.pk) == 5
    intake.read_list(job_id=job.pk)

    job.refresh_from_db()
    assert (job.status, job.waiting, quota.left(account_id=account.pk)) == (JobStatus.RUNNING, 3, 7)
    assert_books_agree(job)


def test_it_is_not_paused_and_can_be_cancelled() -> None:
    upload = make_upload(MIXED)
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW, hold=True)
    with pytest.raises(jobs.WrongStatus):
        jobs.pause(job=job)
    intake.read_list(job_id=job.pk)
    for change in (jobs.pause, jobs.resume):
        with pytest.raises(jobs.WrongStatus):
            change(job=job)

    jobs.cancel(job=job)

    assert not start(job)
    job.refresh_from_db()
    assert (job.status, job.cancelled, job.waits_for_start) == (JobStatus.CANCELLED, 3, False)
    assert_books_agree(job)


def test_what_is_thrown_away_is_gone_and_what_was_started_is_not() -> None:
    job, started = hold_list(), hold_list()
    start(started)

    starting.throw_away(job=job, actor=owner_of(job.account))
    with pytest.raises(jobs.WrongStatus):
        starting.throw_away(job=started, actor=owner_of(started.account))

    assert [each.pk for each in Job.objects.filter(deleted_at=None)] == [started.pk]
    assert not start(job)
    while retention.delete_block():
        pass
    assert Job.objects.get() == started


def test_what_nobody_starts_goes_after_a_week() -> None:
    job, started, young = hold_list(), hold_list(), hold_list()
    start(started)
    Job.objects.filter(pk__in=[job.pk, started.pk]).update(created_at=Now() - timedelta(days=7, minutes=1))
    Job.objects.filter(pk=young.pk).update(created_at=Now() - timedelta(days=6, hours=23))

    assert retention.delete_old_jobs() == 1

    assert list(Job.objects.filter(deleted_at=None)) == [started, young]
    config = AccountConfig.objects.get(account=job.account)
    assert list_quote.thrown_away_at(job, config) == job.created_at + timedelta(days=7)
    config.retention_days = 3
    assert list_quote.thrown_away_at(job, config) == job.created_at + timedelta(days=3)


def test_a_person_who_is_erased_is_taken_out_and_the_list_waits_on() -> None:
    job = hold_list("email\na@ok.test\nb@ok.test\n")
    erasures.ask(account=job.account, email="a@ok.test", actor=owner_of(job.account))
    sweeper = Sweeper()
    sweeper.erase()

    job.refresh_from_db()
    assert (job.status, job.waiting, job.cancelled) == (JobStatus.READY, 1, 1)
    assert start(job)
    assert_books_agree(job)


def know(account: Account, mailbox: str, *, seconds: int, reason: Reason = Reason.SUCCESS) -> None:
    """Let an account have a result of a mailbox that is so old."""
    check = make_job([mailbox], account=account).checks.get()
    give_verdict(check, Result.OK, reason)
    digest = digest_of_mailbox(mailbox, hash_key=bytes(account.hash_key))
    known = KnownMailbox.objects.create(account=account, digest=digest, check_row=check, checked_at=NOW)
    KnownMailbox.objects.filter(pk=known.pk).update(checked_at=Now() - timedelta(seconds=seconds))


def test_earlier_results_are_counted_by_their_age() -> None:
    account = make_account()
    hour, day = 3_600, 86_400
    for name, age in {"a": hour, "b": 12 * hour, "c": 6 * day, "d": 31 * day}.items():
        know(account, f"{name}@ok.test", seconds=age)
    know(account, "e@ok.test", seconds=hour, reason=Reason.GREY_LISTING)
    know(account, "bounced@ok.test", seconds=hour)
    know(make_account(), "f@ok.test", seconds=hour)
    suppress(account, "bounced@ok.test")
    rows = "".join(f"{name}@ok.test\n" for name in ("a", "b", "c", "d", "e", "f", "a", "bounced"))

    job = hold_list("email\n" + rows, account=account)

    assert quoted(job).reusable == dict(zip(AGES, (1, 2, 3, 3), strict=True))
    assert start(job)
    assert not KnownRows.objects.exists()


def test_nothing_is_counted_as_known_where_results_are_not_used_again() -> None:
    account = make_account(result_reuse=False)
    know(account, "a@ok.test", seconds=60)
    job = hold_list("email\na@ok.test\n", account=account)

    assert (quoted(job).reusable, KnownRows.objects.count()) == ({}, 0)
    assert known_rows.fresh(job, ages=AGES) == dict.fromkeys(AGES, 0)


def test_the_time_goes_by_the_pace_of_the_last_list() -> None:
    ours, others = make_account(), make_account()
    job = hold_list("email\na@ok.test\nb@ok.test\n", account=ours)
    row = {"source": "upload", "status": JobStatus.FINISHED, "total": 100, "decided": 100}
    ended = Job.objects.create(account=others, started_at=NOW, finished_at=NOW + timedelta(seconds=1_000), **row)
    assert quoted(job).seconds(0) == 20
    Job.objects.create(account=ours, started_at=NOW, finished_at=NOW + timedelta(seconds=100), **row)
    assert quoted(job).seconds(0) == 2
    Job.objects.create(account=ours, source="upload", status=JobStatus.RUNNING, total=10, waiting=10)
    assert quoted(job).seconds(0) == 12
    assert ended.pk


@pytest.mark.parametrize(
    ("config", "options", "refusal"),
    [
        ({"result_reuse": False}, {"max_age": 7_200}, FeatureDisabled),
        ({"greylist_retry": False}, {"greylist_hours": 1}, FeatureDisabled),
        ({"greylist_hours": 2}, {"greylist_hours": 3}, job_features.TooManyHours),
        ({"catch_all_probe": False}, {"features": {"catchAll": True}}, FeatureDisabled),
    ],
)
def test_options_beyond_the_config_are_refused(
    config: dict[str, Any], options: dict[str, Any], refusal: type[Exception]
) -> None:
    job = hold_list(account=make_account(**config))

    with pytest.raises(refusal):
        start(job, **options)

    job.refresh_from_db()
    assert (job.is_held, Reservation.objects.count()) == (True, 0)


def test_options_hold_for_the_list() -> None:
    job = hold_list()

    assert start(job, features={"catchAll": False}, max_age=0, greylist_hours=1)

    job.refresh_from_db()
    assert (job.switched_off, job.max_age, job.greylist_hours) == (["catch_all_probe"], 0, 1)


@pytest.mark.parametrize("change", [{"uploads": False}, {"rows_per_upload": 1}])
def test_what_changed_since_is_looked_at_again(change: dict[str, object]) -> None:
    job = hold_list("email\na@ok.test\nb@ok.test\n")
    AccountConfig.objects.filter(account=job.account).update(**change)

    with pytest.raises((FeatureDisabled, intake.TooManyRows)):
        start(job)


def test_the_file_is_kept_until_the_start() -> None:
    job = hold_list()
    assert job.upload is not None
    Sweeper().sweep()
    assert job.upload.path.exists()

    start(job)

    assert not job.upload.path.exists()


def test_a_list_is_read_another_way() -> None:
    job = hold_list("a@ok.test;b@ok.test\nc@ok.test;d@ok.test\n")
    upload, actor = job.upload, owner_of(job.account)
    assert upload is not None

    back = starting.read_another_way(job=job, actor=actor, now=NOW + timedelta(days=1))
    with pytest.raises(jobs.WrongStatus):
        starting.read_another_way(job=job, actor=actor, now=NOW)

    assert (back.pk, back.created_at, back.path.exists()) == (upload.pk, NOW + timedelta(days=1), True)
    assert not start(job)
    while retention.delete_block():
        pass
    again = intake.start_list(upload=back, address_column=1, user=actor, now=NOW, hold=True)
    intake.read_list(job_id=again.pk)
    assert [check.address for check in again.checks.order_by("position")] == ["b@ok.test", "d@ok.test"]
    assert list(Job.objects.all()) == [again]


def test_without_its_file_a_list_is_not_read_another_way() -> None:
    job = hold_list("email\na@ok.test\nb@ok.test\n")
    assert job.upload is not None
    erasures.ask(account=job.account, email="b@ok.test", actor=owner_of(job.account))
    Sweeper().erase()
    assert not job.upload.path.exists()

    with pytest.raises(starting.FileGone):
        starting.read_another_way(job=job, actor=owner_of(job.account), now=NOW)

    assert start(job)


def test_rows_with_several_addresses_are_counted_once() -> None:
    upload = make_upload("work,home\na@ok.test,b@ok.test\nc@ok.test,\n")
    readings.read_again(upload=upload, reading=Reading(column=0, more=(1,)))
    job = intake.start_list(upload=upload, address_column=0, user=owner_of(upload.account), now=NOW, hold=True)
    intake.read_list(job_id=job.pk)
    job.refresh_from_db()

    found = quoted(job)
    assert (found.rows, found.addresses, found.cost) == (2, 3, 3)
