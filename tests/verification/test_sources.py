"""Later tries come from the address of ours that the first one came from, which is what greylisting remembers."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from tests.fixtures_mail_world import MailWorld
from tests.verification.books import assert_books_agree
from tests.verification.factories import make_job
from verification.domain import drain
from verification.domain.probing import engine_config
from verification.models import Batch, CheckResult

pytestmark = pytest.mark.django_db(transaction=True)
PASSES_AFTER = 1  # seconds
OURS = ["127.1.77.1", "127.1.77.2"]


@pytest.fixture(autouse=True)
def world(mail_world: MailWorld, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.RUN_DIR = tmp_path
    settings.RETRY_MINUTES = []
    settings.MAIL_WORLD = True
    settings.MAIL_WORLD_DNS = mail_world.dns
    settings.MAIL_WORLD_SMTP_PORT = mail_world.smtp_port
    settings.SOURCE_ADDRESSES = OURS
    monkeypatch.setattr(drain, "IDLE_SECONDS", 0.2)


@pytest.fixture
def greylisted() -> str:
    """An address that nobody asked for so far."""
    return f"jane{random.randrange(10**9)}@greylist-pass-{PASSES_AFTER}.test"


def work_off() -> None:
    asyncio.run(drain.drain_once())


def let_it_pass() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [PASSES_AFTER])
        cursor.execute("UPDATE verification_batch SET due_at = now()")


def source_of(result: CheckResult) -> str:
    return str(result.evidence["attempts"][-1]["source"])


def test_a_later_try_comes_from_the_same_address_when_another_would_be_chosen_now(
    settings: Settings, greylisted: str
) -> None:
    make_job([greylisted])
    work_off()
    first = CheckResult.objects.get()
    assert (first.reason, Batch.objects.get().source_address) == ("GreyListing", source_of(first))
    settings.SOURCE_ADDRESSES = list(reversed(OURS))  # by these the organisation's is the other one
    let_it_pass()

    work_off()

    result = CheckResult.objects.get()
    assert (result.result, source_of(result)) == ("Ok", source_of(first))
    assert "former_source" not in result.evidence


def test_an_address_that_is_ours_no_more_is_replaced_and_the_evidence_says_so(
    settings: Settings, greylisted: str
) -> None:
    make_job([greylisted])
    work_off()
    first = source_of(CheckResult.objects.get())
    (other,) = (address for address in OURS if address != first)
    settings.SOURCE_ADDRESSES = [other]
    let_it_pass()

    work_off()

    result = CheckResult.objects.get()
    assert (result.reason, source_of(result), result.evidence["former_source"]) == ("GreyListing", other, first)
    assert Batch.objects.get().source_address == other


def test_rows_that_were_asked_for_from_several_addresses_go_on_apart() -> None:
    """And those that got no connection have no address to keep to."""
    job = make_job(["jane@webonly.test", *(f"jane@greylist-{n}.test" for n in range(1, 7))])
    for tries in (1, 2):
        work_off()

        results = CheckResult.objects.order_by("check_row_id")
        kept = {check: batch.source_address for batch in Batch.objects.all() for check in batch.check_ids}
        assert kept == {r.pk: r.evidence["attempts"][-1].get("source") for r in results}
        assert Batch.objects.count() == len({*OURS, None}) == len(set(kept.values()))
        assert set(Batch.objects.values_list("tries", "job_id", "account_id")) == {(tries, job.pk, job.account_id)}
        assert Batch.objects.values("first_tried_at").distinct().count() == 1
        Batch.objects.update(due_at=Now())
    assert_books_agree(job)


def test_without_addresses_of_ours_none_is_kept(settings: Settings, greylisted: str) -> None:
    settings.SOURCE_ADDRESSES = []
    make_job([greylisted])

    work_off()

    assert Batch.objects.get().source_address is None


def test_addresses_are_read_as_the_kernel_writes_them(settings: Settings) -> None:
    settings.SOURCE_ADDRESSES = ["2001:DB8:0::1", "192.0.2.1"]
    assert engine_config().source_addresses == ("2001:db8::1", "192.0.2.1")

    settings.SOURCE_ADDRESSES = ["localhost"]
    with pytest.raises(ValueError, match="localhost"):
        engine_config()
