"""How many recipients a connection may still ask for."""

from __future__ import annotations

import pytest

from verification.engine.smtp.habits import Habits, HabitsMemory


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
