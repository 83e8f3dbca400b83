"""The process that sends webhooks."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from verification.domain.webhooks.sender import Sender


class Command(BaseCommand):
    help = "Send events to the URLs that accounts and jobs name, until SIGTERM."
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:  # Any: options are not typed by Django
        asyncio.run(run())


async def run() -> None:
    stop = asyncio.Event()
    for kind in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(kind, stop.set)
    await Sender().run(stop)
