"""Looks whether work that could be done is being done; the supervisor acts on what is seen.

A thread with a psycopg connection of its own, so that a database that hangs never holds up the supervisor.  No Django
here.  Nobody can ask a frozen queue whether it is well, but the rows tell: see verification/domain/silence.py.  Each
kind of work is listened to by itself: a drain that goes on for minutes must not hide that no list is read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Any

import psycopg

from verification.domain.silence import CLAIMABLE, LISTS, READING

LOOK_SECONDS = 5.0
SILENT_SECONDS = 30.0
MOST_SILENT_SECONDS = 480.0  # a restart that did not help is not repeated at once
logger = logging.getLogger(__name__)


class Work(Enum):
    """Kinds of work, each of which can stand still while others go on."""

    WELL = auto()
    SUSPECTS = auto()
    LISTS = auto()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look gave of a kind: how much waits, what changes when some is done, and whether somebody is at it."""

    waiting: int
    state: object
    busy: bool


Look = Mapping[Work, Seen]


@dataclass
class Silence:
    """How long the work of a kind has lain untouched, from one look to the next.  Times are monotonic seconds."""

    patience: float = field(default_factory=lambda: SILENT_SECONDS)
    last: Seen | None = None
    since: float | None = None

    def hear(self, seen: Seen | None, now: float) -> bool:
        """Take a look's outcome, None when the database is away.  True: too long; the next time it takes longer."""
        standing = seen is not None and seen.waiting > 0 and not seen.busy
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
    """Asks every 5 s.  `database` are psycopg's parameters; lists whose file is not in `uploads` are others' work."""

    database: Mapping[str, Any]  # Any: libpq's parameters
    uploads: Path
    silences: dict[Work, Silence] = field(default_factory=lambda: {kind: Silence() for kind in Work})
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
            self.hear(self.look(), time.monotonic())
            time.sleep(LOOK_SECONDS)

    def hear(self, look: Look | None, now: float) -> None:
        """Take a look's outcome; None when the database is away."""
        for kind, silence in self.silences.items():
            if silence.hear(look[kind] if look else None, now):
                logger.error("work stands still: %s", kind.name.lower())
                self._alarm.set()

    def look(self) -> Look | None:
        """Ask the database; None when it is away or not yet prepared."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(**self.database, autocommit=True)
            well, suspects = (Seen(*row) for _, *row in self._connection.execute(CLAIMABLE).fetchall())
            return {Work.WELL: well, Work.SUSPECTS: suspects, Work.LISTS: self._look_at_lists(self._connection)}
        except psycopg.Error as error:
            logger.debug("no look: %s", error)
            self._disconnect()
            return None

    def _look_at_lists(self, connection: psycopg.Connection[tuple[Any, ...]]) -> Seen:  # Any: columns
        rows = connection.execute(LISTS).fetchall()
        lists = tuple((upload, being_read) for upload, being_read in rows if (self.uploads / upload).exists())
        copied, busy = connection.execute(READING).fetchone() or (0, False)
        return Seen(len(lists), (lists, int(copied)), bool(busy))

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
