"""Looks whether work that could be done is being done; the supervisor acts on what is seen.

A thread with a psycopg connection of its own, so that a database that hangs never holds up the supervisor.  No Django
here.  Nobody can ask a frozen queue whether it is well, but the rows tell: see verification/domain/silence.py.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from verification.domain.silence import CLAIMABLE

LOOK_SECONDS = 5.0
SILENT_SECONDS = 30.0
MOST_SILENT_SECONDS = 480.0  # a restart that did not help is not repeated at once
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look gave: claimable batches, the newest of them, and whether a lease is alive."""

    claimable: int
    newest: int
    busy: bool


@dataclass
class Silence:
    """How long claimable work has lain untouched, from one look to the next.  Times are monotonic seconds."""

    patience: float = SILENT_SECONDS
    last: Seen | None = None
    since: float | None = None

    def hear(self, seen: Seen | None, now: float) -> bool:
        """Take a look's outcome, None when the database is away.  True: too long; the next time it takes longer."""
        standing = seen is not None and seen.claimable > 0 and not seen.busy
        if not standing or seen != self.last or self.since is None:
            self.since = now if standing else None
            if seen is not None and not standing:
                self.patience = SILENT_SECONDS
            self.last = seen
            return False
        if now - self.since < self.patience:
            return False
        self.since, self.patience = now, min(2 * self.patience, MOST_SILENT_SECONDS)
        return True


@dataclass
class Watch:
    """Asks every 5 s.  `database` are psycopg's parameters."""

    database: Mapping[str, Any]  # Any: libpq's parameters
    silence: Silence = field(default_factory=Silence)
    _alarm: threading.Event = field(default_factory=threading.Event)
    _connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def start(self) -> None:
        threading.Thread(target=self._run, name="watch", daemon=True).start()

    def take_alarm(self) -> bool:
        """Tell once that work stands still."""
        alarmed = self._alarm.is_set()
        self._alarm.clear()
        return alarmed

    def _run(self) -> None:
        while True:
            if self.silence.hear(self.look(), time.monotonic()):
                self._alarm.set()
            time.sleep(LOOK_SECONDS)

    def look(self) -> Seen | None:
        """Ask the database; None when it is away or not yet prepared."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(**self.database, autocommit=True)
            row = self._connection.execute(CLAIMABLE).fetchone()
        except psycopg.Error as error:
            logger.debug("no look: %s", error)
            self._disconnect()
            return None
        assert row is not None, "an aggregate gives one row"
        return Seen(*row)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def parameters(database: Mapping[str, Any]) -> dict[str, Any]:  # Any: Django's and libpq's parameters
    """Turn an entry of DATABASES, or what django-environ reads from DATABASE_URL, into psycopg's parameters."""
    tls = {name: value for name, value in database.get("OPTIONS", {}).items() if name.startswith("ssl")}
    return {
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
        "host": database["HOST"],
        "port": database["PORT"] or 5432,
        "options": "-c statement_timeout=3000",
        "application_name": "portal-watch",
        "connect_timeout": 3,
        **tls,
    }
