"""What a suppression list does to the rows of jobs and lists: docs/suppression.md."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from accounts.models import Account, KeyKind
from tests.factories import make_account, make_key
from tests.verification.factories import finish, make_job, make_list, owner_of
from verification.domain import erasures, exports, intake
from verification.domain.quote import quote
from verification.domain.sweeper import Sweeper
from verification.models import Batch, Event, Job, Suppression

pytestmark = pytest.mark.django_db
TERMS = {"full": 1, "soft": 7, "hard": 45}


def suppress(account: Account | None, mailbox: str, kind: str = "hand", *, days: float | None = None) -> Suppression:
    """Put a mailbox on a list; `days`: until its term is over, the whole term by default."""
    days = TERMS.get(kind) if days is None else days
    until = Now() + timedelta(days=days) if days is not None else None
    return Suppression.objects.create(account=account, mailbox=mailbox, kind=kind, source="api", until=until)


def classifiers(job: Job) -> list[str]:
    return list(job.checks.order_by("position").values_list("classifier", flat=True))


def days_left(entry: Suppression) -> float:
    """Give the days until the term of an entry is over, by the database's clock."""
    left = Suppression.objects.filter(pk=entry.pk).values_list(
        ExpressionWrapper(F("until") - Now(), output_field=DurationField()), flat=True
    )
    return float(round(left[0] / timedelta(days=1), 2))


@pytest.mark.parametrize(
    ("kind", "classifier"),
    [
        ("hard", "PREVIOUSLY_BOUNCED"),
        ("soft", "PREVIOUSLY_BOUNCED"),
        ("full", "TEMPORARY_SUPPRESSED"),
        ("hand", "SUPPRESSED"),
    ],
)
def test_what_is_on_the_list_is_not_taken(kind: str, classifier: str) -> None:
    account = make_account(monthly_quota=10)
    suppress(account, "jane@ok.test", kind)
    job = make_job(["Jane <jane@OK.test>", "joe@ok.test", "jane@ok.test", "nobody", "joe@ok.test"], account=account)

    assert classifiers(job) == [classifier, "", "DUPLICATE", "INVALID_FORMAT", "DUPLICATE"]
    job.refresh_from_db()
    assert (job.total, job.waiting, job.refused, job.duplicate) == (5, 1, 2, 2)
    assert [len(batch.check_ids) for batch in Batch.objects.filter(job=job)] == [1]
    assert account.quota_periods.get().reserved == 1
    dropped = Event.objects.filter(job=job, type="DROPPED").order_by("first_seq")
    assert [(event.sub_type, len(event.check_ids)) for event in dropped] == [
        *sorted([("DUPLICATE", 2), ("INVALID_FORMAT", 1), (classifier, 1)])
    ]


def test_a_list_is_looked_up_too_and_its_later_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "PIECE_ROWS", 2)
    monkeypatch.setattr(intake, "FIRST_PIECE_ROWS", 2)
    account = make_account()
    suppress(account, "c@ok.test", "hard")
    suppress(account, "a@ok.test", "full")
    job = make_list("email\na@ok.test\nb@ok.test\nc@ok.test\na@ok.test\nc@ok.test\n", account=account)
    assert classifiers(job) == ["TEMPORARY_SUPPRESSED", "", "PREVIOUSLY_BOUNCED", "DUPLICATE", "DUPLICATE"]
    assert list(job.checks.order_by("position").values_list("duplicate_of", flat=True)) == [None, None, None, 0, 2]
    assert (job.total, job.waiting, job.refused, job.duplicate) == (5, 1, 2, 2)


def test_a_job_of_which_nothing_is_taken_ends_at_once() -> None:
    account = make_account()
    suppress(account, "jane@ok.test")
    job = make_job(["jane@ok.test"], account=account)
    job.refresh_from_db()
    assert (job.status, job.waiting, job.refused) == ("finished", 0, 1)


def test_the_list_for_all_holds_for_everybody_and_another_accounts_for_nobody_else() -> None:
    suppress(None, "jane@ok.test")
    suppress(make_account(), "joe@ok.test")
    assert classifiers(make_job(["jane@ok.test", "joe@ok.test"])) == ["SUPPRESSED", ""]


def test_the_stronger_kind_of_two_lists_counts() -> None:
    account = make_account()
    suppress(account, "jane@ok.test", "full")
    suppress(None, "jane@ok.test", "hard")
    assert classifiers(make_job(["jane@ok.test"], account=account)) == ["PREVIOUSLY_BOUNCED"]


def test_what_is_over_counts_no_more_and_is_deleted() -> None:
    account = make_account()
    suppress(account, "jane@ok.test", "soft", days=-0.01)
    kept = suppress(account, "joe@ok.test", "soft")
    assert classifiers(make_job(["jane@ok.test"], account=account)) == [""]
    Sweeper().sweep()
    assert Suppression.objects.get() == kept


@pytest.mark.parametrize(("kind", "days"), TERMS.items())
def test_a_refused_attempt_renews_the_term(kind: str, days: int) -> None:
    account = make_account()
    entry, other = suppress(account, "jane@ok.test", kind, days=0.5), suppress(account, "joe@ok.test", "soft", days=0.5)
    make_job(["jane@ok.test"], account=account)
    assert (days_left(entry), days_left(other)) == (days, 0.5)


def test_a_sandbox_job_renews_nothing() -> None:
    key, _ = make_key(kind=KeyKind.SANDBOX)
    entry = suppress(key.account, "jane@ok.test", "hard", days=1)
    assert classifiers(make_job(["jane@ok.test"], key=key)) == ["PREVIOUSLY_BOUNCED"]
    assert days_left(entry) == 1


def test_a_quote_counts_and_renews_nothing() -> None:
    key, _ = make_key()
    entry = suppress(key.account, "jane@ok.test", "hard", days=1)
    asked = quote(
        key=key, recipients=[intake.Recipient(0, n, f"{name}@ok.test") for n, name in enumerate(("jane", "joe"))]
    )
    assert (asked.taken, asked.refused, asked.cost) == (1, 1, 1)
    assert days_left(entry) == 1


def test_a_long_list_is_looked_up_in_as_many_statements() -> None:
    account = make_account(monthly_quota=1000)

    def statements(rows: int) -> int:
        emails = [f"user{rows}-{row}@ok.test" for row in range(rows)]
        for email in emails:
            suppress(account, email, "soft")
        with CaptureQueriesContext(connection) as captured:
            make_job(emails, account=account)
        return len([query for query in captured if "verification_suppression" in query["sql"]])

    assert (statements(1), statements(3)) == (3, 3)


def test_exports_say_why_a_row_was_not_taken() -> None:
    account = make_account()
    suppress(account, "jane@ok.test", "hard")
    job = finish(make_list("email\njane@ok.test\n", account=account))
    assert b"".join(exports.export_csv(job=job)).splitlines()[1] == b"jane@ok.test,,,PREVIOUSLY_BOUNCED,,,,,,"


def test_whoever_was_erased_stays_on_the_list_as_a_hash() -> None:
    account = make_account()
    suppress(account, "jane.doe@gmail.com", "hard")
    suppress(account, "joe@ok.test")
    erasures.ask(account=account, email="janedoe+tag@gmail.com", actor=owner_of(account))
    Sweeper().erase()
    kept = Suppression.objects.of(account).get(erased=True)
    assert (kept.mailbox[:1], len(kept.mailbox), "jane" in kept.mailbox) == ("#", 65, False)
    assert classifiers(make_job(["jane.doe@gmail.com", "x@ok.test", "joe@ok.test"], account=account)) == [
        "PREVIOUSLY_BOUNCED",
        "",
        "SUPPRESSED",
    ]
    assert days_left(kept) == 45


def test_an_erased_mailbox_that_came_back_is_erased_again() -> None:
    account = make_account()
    for _ in range(2):
        suppress(account, "jane@ok.test")
        erasures.ask(account=account, email="jane@ok.test", actor=owner_of(account))
        Sweeper().erase()
    assert list(Suppression.objects.values_list("erased", flat=True)) == [True]
