"""The sweeper's process."""

from __future__ import annotations

import logging
import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections, connection
from psycopg import Error as DriverError

from verification.domain.sweeper import Sweeper

PERIOD_SECONDS = 1.0
logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Look every second for expired leases, work without a bell and leftovers."
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:  # Any: options are not typed by Django
        stop = threading.Event()
        for kind in (signal.SIGTERM, signal.SIGINT):
            signal.signal(kind, lambda *_: stop.set())
        sweeper = Sweeper()
        while not stop.wait(PERIOD_SECONDS):
            sweep_once(sweeper)


def sweep_once(sweeper: Sweeper) -> None:
    """Sweep; a database that is away for a while is no reason to end."""
    close_old_connections()
    try:
        sweeper.sweep()
    except (Error, DriverError):
        logger.warning("sweep failed, next try in %.0f s", PERIOD_SECONDS, exc_info=True)
        connection.close()
