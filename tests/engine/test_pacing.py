"""How many connections an organisation gets, and when none."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.in_loop import in_loop
from verification.engine.pacing import HeldBackError, InProcessPacing, Pacing


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def free_slots(pacing: Pacing, organisation: str = "a.test", most: int = 20) -> int:
    """Count the slots that may be had now, and give them back."""
    taken = 0
    try:
        for _ in range(most):
            async with asyncio.timeout(0.01):
                await pacing.acquire(organisation)
            taken += 1
    except TimeoutError:
        pass
    for _ in range(taken):
        pacing.release(organisation)
    return taken


@in_loop
async def test_two_at_first_one_more_per_answered_group_up_to_the_cap() -> None:
    pacing = InProcessPacing(5)
    counts = [await free_slots(pacing)]
    for _ in range(5):
        pacing.answered("a.test")
        counts.append(await free_slots(pacing))
    assert counts == [2, 3, 4, 5, 5, 5]


@in_loop
async def test_a_cap_of_one_is_kept() -> None:
    pacing = InProcessPacing(1)
    pacing.answered("a.test")
    assert await free_slots(pacing) == 1


@in_loop
async def test_organisations_do_not_share() -> None:
    pacing = InProcessPacing(5)
    await pacing.acquire("a.test")
    await pacing.acquire("a.test")
    assert [await free_slots(pacing, "a.test"), await free_slots(pacing, "b.test")] == [0, 2]


@in_loop
async def test_who_waits_gets_the_slot_that_is_given_back_first_come_first_served() -> None:
    pacing = InProcessPacing(1)
    await pacing.acquire("a.test")
    turns: list[str] = []

    async def wait(name: str) -> None:
        await pacing.acquire("a.test")
        turns.append(name)
        pacing.release("a.test")

    waiting = [asyncio.create_task(wait(name)) for name in ("first", "second")]
    await asyncio.sleep(0)
    assert (turns, pacing.contended("a.test")) == ([], True)
    pacing.release("a.test")
    await asyncio.gather(*waiting)
    assert (turns, pacing.contended("a.test")) == (["first", "second"], False)


@in_loop
async def test_who_gives_up_waiting_takes_no_slot() -> None:
    pacing = InProcessPacing(1)
    await pacing.acquire("a.test")
    waiting = asyncio.create_task(pacing.acquire("a.test"))
    await asyncio.sleep(0)
    pacing.release("a.test")  # the slot is given, and at the same moment nobody wants it
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await free_slots(pacing) == 1


@in_loop
async def test_three_refusals_in_a_row_pause_five_minutes_and_then_twice_as_long() -> None:
    clock = Clock()
    pacing = InProcessPacing(5, clock=clock)
    pauses = []
    for _ in range(3):
        for _ in range(3):
            pacing.refused("a.test")
        with pytest.raises(HeldBackError) as held_back:
            await pacing.acquire("a.test")
        pauses.append(held_back.value.seconds)
        clock.now += held_back.value.seconds
    assert pauses == [300, 600, 1200]
    assert await free_slots(pacing) == 1


@in_loop
async def test_an_answer_between_refusals_starts_the_count_again() -> None:
    pacing = InProcessPacing(5)
    for _ in range(3):
        pacing.refused("a.test")
        pacing.refused("a.test")
        pacing.answered("a.test")
    assert await free_slots(pacing) == 2


@in_loop
async def test_who_waits_hears_of_the_pause() -> None:
    pacing = InProcessPacing(1)
    await pacing.acquire("a.test")
    waiting = asyncio.create_task(pacing.acquire("a.test"))
    await asyncio.sleep(0)
    for _ in range(3):
        pacing.refused("a.test")
    with pytest.raises(HeldBackError):
        await waiting
