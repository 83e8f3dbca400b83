"""Streams that views write as plain generators, sent piece by piece.

Django's ASGI handler would collect all of a synchronous iterator in memory before the first byte is sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator

from asgiref.sync import sync_to_async


async def in_pieces(source: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Give the pieces one by one, each made in the request's own thread, and close the source whatever happens."""
    try:
        while (piece := await sync_to_async(draw)(source)) is not None:
            yield piece
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            await sync_to_async(close)()


def draw(source: Iterator[bytes]) -> bytes | None:
    return next(source, None)
