"""What is being written at the moment."""

from __future__ import annotations

import time

from django.db import connection


def settled() -> None:
    """Wait until no transaction from before is at work, in other tests' databases of the server either."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (now,) = cursor.fetchone()
        deadline = time.monotonic() + 60
        while True:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            if cursor.fetchone()[0] > now:
                return
            assert time.monotonic() < deadline, "somebody writes for ever"
            time.sleep(0.02)
