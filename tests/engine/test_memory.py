"""The bounded memory: what is kept, what is forgotten, how fast."""

from __future__ import annotations

import time

from verification.engine.memory import Memory


def test_what_was_put_can_be_got() -> None:
    memory: Memory[str, int] = Memory(10)
    memory.put("a", 1)
    memory.put("a", 2)
    assert (memory.get("a"), memory.get("b"), len(memory)) == (2, None, 1)


def test_the_newest_half_is_kept_and_never_more_than_the_limit() -> None:
    for count in range(1, 40):
        memory: Memory[int, int] = Memory(10)
        for number in range(count):
            memory.put(number, number)
        assert len(memory) <= 10
        newest = range(max(0, count - 5), count)
        assert [memory.get(number) for number in newest] == list(newest)


def test_what_is_asked_for_stays() -> None:
    memory: Memory[int, str] = Memory(10)
    memory.put(0, "wanted")
    memory.put(1, "unwanted")
    for number in range(2, 100):
        memory.put(number, "other")
        assert memory.get(0) == "wanted"
    assert memory.get(1) is None


def test_a_new_value_goes_before_one_of_an_older_generation() -> None:
    memory: Memory[int, str] = Memory(4)
    for number in (1, 2, 3):
        memory.put(number, "old")
    memory.put(1, "new")
    assert memory.get(1) == "new"


def test_what_was_dropped_is_gone_from_both_generations() -> None:
    memory: Memory[int, str] = Memory(4)
    for number in (1, 2, 3, 1):
        memory.put(number, "x")
    memory.drop(1)
    memory.drop(7)
    assert (memory.get(1), memory.get(2), memory.get(3), len(memory)) == (None, "x", "x", 2)


def test_a_full_memory_is_as_fast_as_an_empty_one() -> None:
    memory: Memory[int, int] = Memory(40_000)
    began = time.process_time()
    for number in range(200_000):
        memory.put(number, number)
    assert time.process_time() - began < 2  # some 0.05 s; deleting the first of a dict takes far longer
