from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Account, Scope
from tests.factories import make_account, make_key
from tests.verification.factories import owner_of
from verification.domain import accuracy, erasures, retention, usage
from verification.domain.accuracy import Accuracy
from verification.domain.known import digest_of_mailbox
from verification.domain.sweeper import Sweeper
from verification.models import Bounce, PendingTally

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
TODAY = datetime.now(UTC).date()
MONTH = TODAY.replace(day=1)


def tell(account: Account, provider: str, result: str, count: int, day: date = TODAY) -> None:
    PendingTally.objects.create(
        account=account, day=day, source="job", result=result, reason="Success", blame="None", provider=provider,
        count=count,
    )  # fmt: skip


def bounce(account: Account, mailbox: str = "a@ok.test", result: str = "Ok", kind: str = "hard") -> Bounce:
    digest = digest_of_mailbox(mailbox, hash_key=bytes(account.hash_key))
    return Bounce.objects.create(
        account=account, digest=digest, month=MONTH, provider="Google", result=result, kind=kind, bounced_at=Now()
    )


@pytest.fixture
def account() -> Account:
    account = make_account()
    tell(account, "Google", "Ok", 6)
    usage.fold()
    tell(account, "Google", "Ok", 2)
    tell(account, "Google", "Unverifiable", 2)
    tell(account, "", "Bad", 1)
    tell(account, "Google", "Ok", 1, day=TODAY - timedelta(days=400))
    tell(make_account(), "Google", "Ok", 100)
    bounce(account)
    bounce(account, "b@ok.test", result="Bad")
    bounce(account, "c@ok.test", kind="soft")
    bounce(make_account())
    return account


def test_report(account: Account) -> None:
    google, other = accuracy.report(account=account, months=3, now=datetime.now(UTC))
    assert (google, other) == (Accuracy(MONTH, "Google", 10, 8, 8, 1), Accuracy(MONTH, "", 1, 1, 0, 0))
    assert (google.share_decided, google.share_bounced, other.share_bounced) == (0.8, 0.125, None)


def test_by_program(account: Account) -> None:
    caller = Client(headers={"X-License-Key": make_key(account, scopes=[Scope.ACCOUNT])[1]})
    google, _ = caller.get("/api/v1/accuracy").json()["accuracy"]
    assert google == {
        "month": f"{MONTH:%Y-%m}",
        "provider": "Google",
        "checks": 10,
        "decided": 8,
        "ok": 8,
        "bounced": 1,
        "shareDecided": 0.8,
        "shareBounced": 0.125,
    }
    assert [caller.get(f"/api/v1/accuracy?months={months}").status_code for months in ("0", "13", "x")] == [400] * 3
    other = Client(headers={"X-License-Key": make_key(account, scopes=[Scope.JOBS])[1]})
    assert other.get("/api/v1/accuracy").status_code == 403


def test_by_page(client: Client, account: Account) -> None:
    client.force_login(owner_of(account))
    with CaptureQueriesContext(connection) as queries:
        text = client.get(reverse("quota", args=[account.slug])).text
    assert ("80.0 %" in text, "12.50 %" in text) == (True, True)
    assert len(queries) <= 16


def test_an_erasure_leaves_the_figure_alone(account: Account) -> None:
    erasures.ask(account=account, email="a@ok.test", actor=owner_of(account))
    Sweeper().erase()
    assert [fact.digest is None for fact in Bounce.objects.filter(account=account).order_by("pk")] == [
        True,
        False,
        False,
    ]
    assert accuracy.report(account=account, months=1, now=datetime.now(UTC))[0].bounced == 1


def test_a_mailbox_is_forgotten_with_the_account_s_days(account: Account) -> None:
    Bounce.objects.filter(account=account, kind="soft").update(added_at=Now() - timedelta(days=31))
    assert (retention.forget_old_bounces(), retention.forget_old_bounces()) == (1, 0)
    assert Bounce.objects.filter(digest=None).get().kind == "soft"
