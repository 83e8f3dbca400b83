"""kill -9 of the web process while jobs are handed in: the small edition of `python -m tests.chaos.posts`."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from portal.postgres import free_port
from tests.chaos.post_oracle import faults
from tests.chaos.post_server import servers
from tests.chaos.posts import harm
from tests.factories import make_account, make_key

pytestmark = pytest.mark.django_db(transaction=True)


def ask(statement: str) -> list[tuple[Any, ...]]:  # Any: columns
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def test_accepted_means_kept(db_name: str) -> None:
    _, secret = make_key(make_account(monthly_quota=1_000_000, calls_per_minute=100_000))
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{db_name}").geturl()

    with servers(free_port(), database) as source:
        requests = harm(source, secret, kills=3, seed=1)

    found = faults(ask, requests)
    assert found == dict.fromkeys(found, 0)
