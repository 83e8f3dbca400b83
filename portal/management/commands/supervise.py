"""All parts under one supervisor, against a database that is there and prepared."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import watch
from portal.supervisor import AlreadyRunning, Supervisor, claim, standard_parts


class Command(BaseCommand):
    help = "Run web, cluster, sweeper and, in development, the mail world until SIGTERM."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-web", action="store_true", help="Only work off jobs: for machines beside the web's.")

    def handle(self, *, no_web: bool, **_: Any) -> None:  # Any: options are not typed by Django
        world = (settings.MAIL_WORLD_DNS, settings.MAIL_WORLD_SMTP_PORT) if settings.MAIL_WORLD else None
        try:
            claim(settings.RUN_DIR, {"url": settings.PUBLIC_URL})
        except AlreadyRunning as refusal:
            raise CommandError(f"Already running on {settings.PORTAL_DATA}: {refusal.facts.get('url', '')}") from None
        parts = standard_parts(web=not no_web, mail_world=world)
        look = watch.Watch(watch.parameters(settings.DATABASES["default"]), settings.UPLOADS)
        Supervisor(run_dir=settings.RUN_DIR, parts=parts, watch=look).run()
