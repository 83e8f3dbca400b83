"""The web process: uvicorn, with our log lines in place of its own."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand

from portal.http.protocol import UnencodedTargets

GRACEFUL_SECONDS = 4  # the supervisor kills after 5
# How long a thread that reads a big request keeps the interpreter when others want it: 5 ms unless said, and a small
# request needs it some thirty times.
TURN_SECONDS = 0.001


class Command(BaseCommand):
    help = "Serve pages and API on BIND_ADDRESS:PORT."
    requires_system_checks: list[str] = []

    def handle(self, **_: Any) -> None:  # Any: options are not typed by Django
        sys.setswitchinterval(TURN_SECONDS)
        uvicorn.run(
            "portal.asgi:application",
            host=settings.BIND_ADDRESS,
            port=settings.PORT,
            http=UnencodedTargets,
            loop="uvloop",
            ws="none",
            log_config=None,  # Django's LOGGING holds
            access_log=False,  # one line a request comes from the middleware
            server_header=False,
            proxy_headers=settings.BEHIND_TLS_PROXY,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
