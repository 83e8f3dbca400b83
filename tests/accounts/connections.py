"""Real connections to the test database beside Django's own."""

from __future__ import annotations

from typing import Any

from django.db import connection
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row


def parameters() -> dict[str, Any]:  # Any: libpq's parameters
    """Give the parameters of a connection to the database that the tests run in."""
    settings = connection.settings_dict
    return {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }


async def connect(*, autocommit: bool = True) -> AsyncConnection[DictRow]:
    return await AsyncConnection.connect(**parameters(), autocommit=autocommit, row_factory=dict_row)
