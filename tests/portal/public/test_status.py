from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Account
from tests.factories import make_account
from tests.verification.factories import make_job
from verification.domain import public_status
from verification.domain.public_status import Share
from verification.models import Batch, DailyTally

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]


@pytest.fixture(autouse=True)
def _unseen() -> Iterator[None]:
    public_status.forget()
    yield
    public_status.forget()


def tally(provider: str, verdict: str, count: int, *, days: int = 0, account: Account | None = None) -> None:
    result, blame = verdict.split()
    DailyTally.objects.create(
        account=account,
        day=timezone.now().date() - timedelta(days=days),
        source="job",
        result=result,
        reason="Unknown",
        blame=blame,
        provider=provider,
        count=count,
    )


def test_shares_of_all_accounts_by_provider() -> None:
    tally("Google", "Ok none", 900)
    tally("Google", "Unverifiable their_policy", 50, days=6)
    tally("Google", "RetryLater our_address", 50, days=1)
    tally("Google", "Bad address", 5_000, days=7)  # too long ago
    tally("Google", "Ok none", 5_000, account=make_account())  # in the sum of all already
    tally("", "Ok none", 100)
    tally("Yahoo", "Ok none", 99)  # too few
    assert public_status.look().shares == [Share("Google", 1_000, 50, 50), Share("", 100, 0, 0)]
    google = public_status.look().shares[0]
    assert (google.percent, google.percent_ours, google.size) == (10.0, 5.0, 1_000)


def test_the_page_says_so(client: Client) -> None:
    tally("Google", "Ok none", 12_345)
    tally("Google", "Unverifiable their_policy", 1_234)
    tally("Yahoo", "Ok none", 99)
    page = " ".join(client.get("/status").text.split())
    assert "Everything works." in page
    assert "nothing waits" in page
    assert '<th scope="row">Google</th> <td class="number">9.1 %</td>' in page
    assert '<td class="number muted">over 10,000</td>' in page
    assert "Yahoo" not in page
    assert "12,345" not in page


def test_work_that_waits_is_told_of(client: Client) -> None:
    make_job(["jane@ok.test"])
    Batch.objects.update(due_at=timezone.now() - timedelta(minutes=3))
    page = client.get("/status").text
    assert "Lists have to wait at present." in page
    assert "1 to 10 min" in page


def test_strangers_make_it_look_once_in_half_a_minute(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.get("/status")
    with CaptureQueriesContext(connection) as queries:
        client.get("/status")
    assert len(queries) == 0
    monkeypatch.setattr(public_status, "FRESH_SECONDS", 0.0)
    with CaptureQueriesContext(connection) as queries:
        client.get("/status")
    assert len(queries) == 2
