"""How many recipients a connection may still ask for."""

from __future__ import annotations

import pytest

from verification.engine.smtp.habits import MAX_CONNECTIONS, MAX_KNOCKS, Habits, HabitsMemory
from verification.engine.smtp.queue import Outcome
from verification.engine.smtp.replies import Reply
from verification.engine.types import Meaning, Stage, Trouble

TURNED_AWAY = Outcome(Stage.GREETING, Reply(421), meaning=Meaning.WE_ARE_REFUSED)


@pytest.mark.parametrize(
    ("habits", "errors", "served", "expected"),
    [
        (Habits(), 0, 0, 10),
        (Habits(), 4, 10, 6),
        (Habits(), 7, 10, 0),
        (Habits(), 10, 10, 0),
        (Habits(answered=100, refused=0), 0, 0, 19),
        (Habits(answered=100, refused=20), 4, 40, 12),
        (Habits(answered=100, refused=90), 4, 40, 6),
        (Habits(errors=2), 0, 0, 2),
        (Habits(errors=2, answered=100, refused=0), 0, 0, 3),
        (Habits(recipients=7), 0, 5, 2),
        (Habits(group=3), 0, 0, 3),
    ],
)
def test_room(habits: Habits, errors: int, served: int, expected: int) -> None:
    assert habits.room(errors, served) == expected


def test_a_server_that_hangs_up_after_refusals_is_refused_less() -> None:
    habits = Habits()
    habits.hung_up(errors=3, served=8)
    assert (habits.errors, habits.recipients) == (2, 1_000)


def test_a_server_that_hangs_up_without_refusals_is_asked_for_fewer() -> None:
    habits = Habits()
    habits.hung_up(errors=0, served=8)
    assert (habits.errors, habits.recipients) == (10, 8)


def test_small_groups_grow_again() -> None:
    habits = Habits(group=1)
    habits.note(1, 0)
    assert habits.group == 2


def test_all_is_forgotten_after_ten_minutes_but_the_demand_for_tls() -> None:
    now = [0.0]
    memory = HabitsMemory(lambda: now[0])
    first = memory.of("192.0.2.1")
    first.errors, first.starts_tls = 2, True
    now[0] = 600.0
    assert memory.of("192.0.2.1") is first
    now[0] = 601.0
    assert (memory.of("192.0.2.1").errors, memory.of("192.0.2.1").starts_tls) == (10, True)


@pytest.mark.parametrize(
    ("habits", "trouble", "expected"),
    [
        (Habits(open=1), Trouble.NONE, True),
        (Habits(open=1), Trouble.RESET, False),  # may be anything
        (Habits(), Trouble.NONE, False),
        (Habits(left_at=95.0), Trouble.NONE, True),
        (Habits(left_at=95.0), Trouble.RESET, True),
        (Habits(left_at=95.0), Trouble.TIMEOUT, False),
        (Habits(left_at=90.0), Trouble.NONE, False),
        (Habits(left_at=95.0, knocks=MAX_KNOCKS - 1), Trouble.NONE, False),
    ],
)
def test_who_is_turned_away_for_the_number_of_our_connections(habits: Habits, trouble: Trouble, expected: bool) -> None:
    outcome = Outcome(Stage.GREETING, trouble=trouble) if trouble else TURNED_AWAY
    assert habits.is_crowded(outcome, now=100.0) == expected
    assert (habits.quiet_until > 100.0) == (expected and not habits.open)


def test_no_more_connections_than_are_open_after_one_too_many() -> None:
    habits = Habits(open=3)
    habits.bear_fewer()
    assert habits.gate.slots == 3
    habits.open = 0
    habits.bear_fewer()
    assert habits.gate.slots == 1


def test_where_nobody_was_let_in_the_number_is_free_again_once_somebody_is() -> None:
    habits = Habits(open=0)
    habits.bear_fewer()
    habits.found_shut(TURNED_AWAY, now=100.0)
    assert (habits.shut_since(99.0), habits.shut_since(100.0)) == (TURNED_AWAY, None)
    habits.note(1, 0)
    assert (habits.gate.slots, habits.shut_since(99.0)) == (MAX_CONNECTIONS, None)


@pytest.mark.parametrize(("opened", "trouble"), [(1, Trouble.TIMEOUT), (0, Trouble.DEADLINE)])
def test_a_door_that_is_not_known_to_be_shut(opened: int, trouble: Trouble) -> None:
    habits = Habits(open=opened)
    habits.found_shut(Outcome(Stage.CONNECT, trouble=trouble), now=100.0)
    assert habits.shut_since(99.0) is None
