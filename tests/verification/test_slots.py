from __future__ import annotations

from pathlib import Path

import pytest
from django_q.models import OrmQ
from pytest_django import Settings

from accounts.domain import accounts
from tests.factories import make_account
from tests.verification.factories import make_job
from verification.domain import drain, intake, slots
from verification.domain.slots import Seat, Slot
from verification.models import Batch

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def two_seats(settings: Settings, tmp_path: Path) -> None:
    settings.RUN_DIR, settings.DRAINS = tmp_path, 2


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_SIZE", 1)
    make_job([f"user{n}@ok.test" for n in range(slots.PLENTY_BATCHES)])


def test_each_process_takes_a_seat_of_its_own() -> None:
    make_job(["jane@ok.test"])
    with slots.take_seat() as first, slots.take_seat() as second, slots.take_seat() as third:
        assert [first, second, third] == [Seat(Slot.MAIN, 1), Seat(Slot.MAIN, 2), None]
    with slots.take_seat() as again:
        assert again == Seat(Slot.MAIN, 1)


def test_seats_have_files_of_their_own() -> None:
    assert [seat.name for slot in Slot for seat in slot.seats] == ["drain", "drain-2", "drain-suspects"]


def test_without_work_nobody_sits_down() -> None:
    with slots.take_seat() as seat:
        assert seat is None


def test_suspects_have_one_seat() -> None:
    make_job(["jane@ok.test"])
    Batch.objects.update(attempts=1)
    with slots.take_seat() as first, slots.take_seat() as second:
        assert [first, second] == [Seat(Slot.SUSPECTS), None]


@pytest.mark.usefixtures("plenty")
def test_plenty_of_work_wants_help() -> None:
    assert slots.wants_help()


@pytest.mark.usefixtures("plenty")
def test_nobody_can_help_without_a_seat() -> None:
    with slots.hold_all(Slot.MAIN):
        assert not slots.wants_help()


@pytest.mark.usefixtures("plenty")
@pytest.mark.parametrize(
    "change", [{"attempts": 1}, {"alone": True}, {"token": "9c1b5bd0-6d2b-4f0e-9d0c-0a4b0f0c0001"}]
)
def test_what_is_not_for_the_main_slot_wants_no_help(change: dict[str, object]) -> None:
    Batch.objects.filter(pk=Batch.objects.latest("pk").pk).update(**change)
    assert not slots.wants_help()


def test_a_suspended_account_wants_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "BATCH_SIZE", 1)
    account = make_account()
    make_job([f"user{n}@ok.test" for n in range(slots.PLENTY_BATCHES)], account=account)
    accounts.suspend(account=account)
    assert not slots.wants_help()


@pytest.mark.usefixtures("plenty")
def test_a_drain_that_begins_rings_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def over(seat: Seat) -> bool:
        assert seat == Seat(Slot.MAIN)
        return False

    monkeypatch.setattr(drain, "drain_once", over)
    monkeypatch.setattr("verification.domain.guards.limit_memory", lambda: None)
    OrmQ.objects.all().delete()

    drain.run_drain()

    assert [bell.task["func"] for bell in OrmQ.objects.all()] == ["verification.tasks.run_drain"]
