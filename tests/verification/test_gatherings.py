from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from psycopg import OperationalError

from verification.domain.gatherings import Gatherings


class Server:
    """Doubles numbers, a moment a group; breaks on a negative one, and while it is away."""

    def __init__(self) -> None:
        self.groups: list[tuple[str, list[int]]] = []
        self.is_away = False

    async def serve(self, key: str, calls: Sequence[int]) -> list[int]:
        self.groups.append((key, list(calls)))
        await asyncio.sleep(0.02)
        if self.is_away:
            raise OperationalError("away")
        if min(calls) < 0:
            raise ValueError("negative")
        return [2 * call for call in calls]


def run(work: Coroutine[Any, Any, Any]) -> Any:  # Any: whatever comes out
    return asyncio.run(work)


def test_who_comes_meanwhile_shares_the_next_group() -> None:
    async def go() -> tuple[list[int], list[tuple[str, list[int]]]]:
        server = Server()
        crowd = Gatherings(server.serve)
        outcomes = await asyncio.gather(*(crowd.ask("a", number) for number in range(5)))
        return outcomes, server.groups

    outcomes, groups = run(go())
    assert outcomes == [0, 2, 4, 6, 8]
    assert groups == [("a", [0, 1, 2, 3, 4])]


def test_the_first_is_served_alone_and_a_crowd_after_it() -> None:
    async def go() -> list[tuple[str, list[int]]]:
        server = Server()
        crowd = Gatherings(server.serve)
        first = asyncio.create_task(crowd.ask("a", 0))
        await asyncio.sleep(0.005)
        await asyncio.gather(first, *(crowd.ask("a", number) for number in (1, 2)))
        return server.groups

    assert run(go()) == [("a", [0]), ("a", [1, 2])]


def test_keys_do_not_wait_for_each_other() -> None:
    async def go() -> list[tuple[str, list[int]]]:
        server = Server()
        crowd = Gatherings(server.serve)
        await asyncio.gather(crowd.ask("a", 1), crowd.ask("b", 2))
        return server.groups

    assert run(go()) == [("a", [1]), ("b", [2])]


def test_one_that_breaks_breaks_nobody_else() -> None:
    async def go() -> list[Any]:
        crowd = Gatherings(Server().serve)
        return await asyncio.gather(*(crowd.ask("a", number) for number in (1, -1, 2)), return_exceptions=True)

    first, broken, last = run(go())
    assert (first, last) == (2, 4)
    assert isinstance(broken, ValueError)


def test_without_a_database_all_are_told_at_once() -> None:
    async def go() -> tuple[list[Any], int]:
        server = Server()
        server.is_away = True
        crowd = Gatherings(server.serve)
        told = await asyncio.gather(*(crowd.ask("a", number) for number in (1, 2)), return_exceptions=True)
        return told, len(server.groups)

    told, groups = run(go())
    assert [type(error) for error in told] == [OperationalError, OperationalError]
    assert groups == 1


def test_a_call_given_up_while_it_waits_is_not_made() -> None:
    async def go() -> list[tuple[str, list[int]]]:
        server = Server()
        crowd = Gatherings(server.serve)
        first = asyncio.create_task(crowd.ask("a", 0))
        await asyncio.sleep(0.005)
        second, third = (asyncio.create_task(crowd.ask("a", number)) for number in (1, 2))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        await asyncio.gather(first, third)
        return server.groups

    assert run(go()) == [("a", [0]), ("a", [2])]


def test_a_call_given_up_under_way_waits_for_its_transaction() -> None:
    async def go() -> bool:
        server = Server()
        crowd = Gatherings(server.serve)
        first = asyncio.create_task(crowd.ask("a", -1))
        await asyncio.sleep(0.005)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await crowd.ask("a", 4) == 8 and len(server.groups) == 2

    assert run(go())
