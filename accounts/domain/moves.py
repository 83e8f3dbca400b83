"""Runs a move: a generator that yields statements and is sent their first rows, by Django or by async psycopg.

The rules of a move are written once and touch no connection.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeVar

from django.db import connection, transaction
from psycopg import AsyncConnection
from psycopg.rows import tuple_row

T = TypeVar("T")
Statement = tuple[str, Mapping[str, Any]]  # Any: what psycopg adapts
Row = tuple[Any, ...]
Move = Generator[Statement, Row | None, T]


@transaction.atomic
def run(move: Move[T]) -> T:
    """Run a move in one transaction of Django's connection."""
    with connection.cursor() as cursor:
        row: Row | None = None
        while True:
            try:
                query, parameters = move.send(row)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # typeshed has no type for it
            cursor.execute(query, parameters)
            row = cursor.fetchone() if cursor.description else None


async def arun(connection: AsyncConnection[Any], move: Move[T]) -> T:  # Any: whatever its rows are made of
    """Run a move on an async connection, in its transaction when it is in one."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        row: Row | None = None
        while True:
            try:
                query, parameters = move.send(row)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # typeshed has no type for it
            await cursor.execute(query, parameters)
            row = await cursor.fetchone() if cursor.description else None
