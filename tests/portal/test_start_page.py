"""The staff's start page: what it shows, to whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.domain import quota
from accounts.models import User
from portal.start_page import duration, percent
from tests.factories import make_account, make_user, with_factor
from tests.verification.test_overview import running_job
from verification.models import DailyTally

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plain_files")]
HEADINGS = {
    "view_dailytally": "Checks of the last 30 days",
    "view_job": "jobs running",
    "view_batch": "Work due, by how long",
    "view_account": "Top accounts, present period",
}


def tally(result: str, count: int, provider: str = "", days_ago: int = 0) -> None:
    day = timezone.now().date() - timedelta(days=days_ago)
    DailyTally.objects.create(
        day=day, source="job", result=result, reason="None", blame="none", provider=provider, count=count
    )


def test_figures_and_charts(page: Client) -> None:
    for result, count, provider in [("Ok", 600, "Google"), ("RetryLater", 200, "Google"), ("Unverifiable", 50, "")]:
        tally(result, count, provider)
    tally("Bad", 150, days_ago=29)
    account = make_account("Ada & Co", monthly_quota=5_000)
    quota.reserve(account_id=account.pk, amount=1_234, reference="job:1")
    quota.settle(reference="job:1", used=1_234, released=0, entry="b:1")
    answer = page.get(reverse("admin:index"))
    shown = answer.context
    assert (shown["today"], shown["undecided_today"]) == (850, "29.4 %")
    assert [(bar.name, bar.figure, bar.length) for bar in shown["providers"]] == [
        ("Google", "25.0 % of 800", 250),
        ("all others", "25.0 % of 200", 250),
    ]
    assert [(bar.name, bar.figure, bar.length) for bar in shown["top_accounts"]] == [
        ("Ada & Co", "1,234 of 5,000", 1_000)
    ]
    chart = shown["by_day"]
    assert (chart.top, len(chart.columns)) == (1_000, 30)
    assert [[part.kind for part in chart.columns[day].parts] for day in (0, 1, -1)] == [
        ["Bad"],
        [],
        ["Ok", "Unverifiable", "RetryLater"],
    ]
    assert '<rect class="kind-Ok" x="291" y="400" width="8" height="600"/>' in answer.text
    assert "Ada &amp; Co" in answer.text
    assert all(heading in answer.text for heading in HEADINGS.values())


def test_an_empty_product_has_a_start_page(page: Client) -> None:
    answer = page.get(reverse("admin:index"))
    assert (answer.status_code, answer.context["undecided_today"], answer.context["oldest"]) == (200, "–", "–")


def test_jobs_that_are_stuck_are_named(page: Client) -> None:
    job = running_job()
    text = page.get(reverse("admin:index")).text
    assert "Jobs that do not move" in text
    assert reverse("admin:verification_job_change", args=[job.pk]) in text


@pytest.mark.parametrize("codename", [*HEADINGS, ""])
def test_everybody_sees_what_they_may(client: Client, codename: str) -> None:
    running_job()
    person = with_factor(make_user(is_staff=True))
    person.user_permissions.set(Permission.objects.filter(codename=codename, content_type__app_label__in=OURS))
    client.force_login(person)
    text = client.get(reverse("admin:index")).text
    assert {name for name, heading in HEADINGS.items() if heading in text} == {codename} - {""}
    assert ("Jobs that do not move" in text) == (codename == "view_job")


OURS = ["accounts", "verification"]


def test_the_page_asks_the_same_of_few_rows_and_of_many(page: Client, staff: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page.get(reverse("admin:index"))
        return len(queries)

    def fill(number: int) -> None:
        for n in range(number):
            tally("Ok", 3, provider=f"p{number}-{n}")
            running_job()
            account = make_account()
            quota.reserve(account_id=account.pk, amount=5, reference=f"job:{account.pk}")
            quota.settle(reference=f"job:{account.pk}", used=5, released=0, entry=f"b:{account.pk}")

    fill(3)
    few = count()
    fill(30)
    assert count() == few


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "–"), (0.4, "under 1 s"), (1, "1 s"), (59.4, "59 s"), (90, "2 min"), (7_200, "2 h"), (200_000, "2 d")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_percent() -> None:
    assert (percent(1, 3), percent(0, 0)) == ("33.3 %", "–")
