from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

from portal.http.streams import in_pieces


class Source:
    """Three pieces; remembers what was made and whether it was closed."""

    def __init__(self) -> None:
        self.made: list[bytes] = []
        self.is_closed = False

    def pieces(self) -> Iterator[bytes]:
        try:
            for piece in (b"a", b"b", b"c"):
                self.made.append(piece)
                yield piece
        finally:
            self.is_closed = True


def test_pieces_are_sent_as_they_are_made() -> None:
    source = Source()

    async def read() -> list[tuple[bytes, int]]:
        return [(piece, len(source.made)) async for piece in in_pieces(source.pieces())]

    assert asyncio.run(read()) == [(b"a", 1), (b"b", 2), (b"c", 3)]
    assert source.is_closed


def test_a_caller_who_hangs_up_closes_the_source() -> None:
    source = Source()

    async def read_one() -> None:
        async with aclosing(in_pieces(source.pieces())) as pieces:
            async for _ in pieces:
                return

    asyncio.run(read_one())
    assert (source.made, source.is_closed) == ([b"a"], True)
