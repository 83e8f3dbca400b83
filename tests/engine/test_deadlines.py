"""Deadlines: they strike on time, in any order, and only inside their block."""

from __future__ import annotations

import asyncio

import pytest

from tests.engine.in_loop import in_loop
from verification.engine.deadlines import Deadlines


async def _sleep(deadlines: Deadlines, limit: float, seconds: float) -> str:
    try:
        with deadlines.within(limit):
            await asyncio.sleep(seconds)
    except TimeoutError:
        return "struck"
    return "done"


@in_loop
async def test_a_deadline_strikes_on_time() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    began = loop.time()
    with pytest.raises(TimeoutError), deadlines.within(0.05):
        await asyncio.sleep(10)
    assert 0.045 < loop.time() - began < 1


@in_loop
async def test_who_is_ready_in_time_is_left_alone() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    with deadlines.within(0.02):
        pass
    await asyncio.sleep(0.05)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # we are in a task


@in_loop
async def test_those_of_equal_and_of_other_lengths() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    struck, done, third, short, long = await asyncio.gather(
        _sleep(deadlines, 0.05, 10),
        _sleep(deadlines, 0.05, 0.01),
        _sleep(deadlines, 0.05, 10),
        _sleep(deadlines, 0.02, 10),
        _sleep(deadlines, 10, 0.1),
    )
    assert [struck, done, third, short, long] == ["struck", "done", "struck", "struck", "done"]


@in_loop
async def test_a_later_one_of_the_same_length_is_not_struck_early() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    first = asyncio.create_task(_sleep(deadlines, 0.1, 10))
    await asyncio.sleep(0.06)
    second = asyncio.create_task(_sleep(deadlines, 0.1, 0.07))
    assert [await first, await second, await _sleep(deadlines, 0.1, 10)] == ["struck", "done", "struck"]


@in_loop
async def test_a_deadline_that_is_over_strikes_at_the_first_wait() -> None:
    assert await _sleep(Deadlines(asyncio.get_running_loop()), -1, 10) == "struck"


@in_loop
async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    task = asyncio.create_task(_sleep(deadlines, 10, 10))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@in_loop
async def test_an_error_inside_goes_through() -> None:
    with pytest.raises(ValueError, match="mine"), Deadlines(asyncio.get_running_loop()).within(1):
        raise ValueError("mine")
