"""The doctor on the command line."""

from __future__ import annotations

import json
import textwrap
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error

from verification.domain import doctor
from verification.domain.doctor.found import Found
from verification.models import FindingState

WIDTH = 110


class Command(BaseCommand):
    help = "Look at what probing needs on this machine, and say what to do; exit 1 when something is broken."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="Print a JSON array, for programs.")

    def handle(self, *, json: bool, **_: Any) -> None:  # Any: options are not typed by Django
        found = doctor.examine()
        try:
            doctor.store(found)
        except Error as error:
            self.stderr.write(f"Not kept: {error}".strip())
        self.stdout.write(as_json(found) if json else as_table(found))
        if any(one.state is FindingState.BROKEN for one in found):
            raise SystemExit(1)


def as_json(found: list[Found]) -> str:
    rows = [
        {
            "check": one.subject.value,
            "state": one.state.value,
            "lookedAt": one.looked_at,
            "outcome": one.outcome,
            "advice": one.advice,
        }
        for one in found
    ]
    return json.dumps(rows, ensure_ascii=False, indent=2)


def as_table(found: list[Found]) -> str:
    """Give a row for each finding; what to do stands below it."""
    lines = []
    for one in found:
        head = f"{one.state.value:<8} {one.subject.label!s:<26} "
        lines += textwrap.wrap(one.outcome, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
        if one.advice:
            lines += textwrap.wrap(f"→ {one.advice}", WIDTH, initial_indent=" " * 36, subsequent_indent=" " * 38)
    return "\n".join(lines)
