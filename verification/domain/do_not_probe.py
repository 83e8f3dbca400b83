"""The do-not-probe list: names of domains and mail hosts that get no connection from us, whoever asks.

Each process looks at it at most every 15 s, with the next work it takes; what is being asked already is ended as usual.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from psycopg import AsyncConnection

from accounts.domain import audit
from accounts.domain.audit import Action
from accounts.models import User
from verification.engine.syntax import parse
from verification.models import DoNotProbe

FRESH_SECONDS = 15.0
NAMES = "SELECT name FROM verification_donotprobe"

Connection = AsyncConnection[Any]  # Any: whatever its rows are made of


class NameUnfit(ValueError):
    """The text is no name of a domain or mail host."""


class ReasonMissing(ValueError):
    """A name is put on the list for a reason."""


@dataclass(slots=True)
class _Memory:
    names: frozenset[str] = frozenset()
    until: float = float("-inf")


_memory = _Memory()  # of this process


async def names(connection: Connection) -> frozenset[str]:
    """Give the list, looked up within the last 15 s."""
    now = time.monotonic()
    if now >= _memory.until:
        rows = await (await connection.execute(NAMES)).fetchall()
        _memory.names, _memory.until = frozenset(name for (name,) in rows), now + FRESH_SECONDS
    return _memory.names


def known() -> frozenset[str]:
    """Give the list as this process saw it last."""
    return _memory.names


def forget() -> None:
    """Have this process look again with its next work."""
    _memory.names, _memory.until = frozenset(), float("-inf")


def read_name(text: str) -> str:
    """Give a domain or host name in lower-case A-labels.  Raises NameUnfit."""
    address = parse(f"a@{text.strip().rstrip('.')}")
    if address.fault is not None or address.ascii_domain.startswith("["):
        raise NameUnfit("This is no name of a domain or mail host.")
    return address.ascii_domain


@transaction.atomic
def store(*, row: DoNotProbe, actor: User) -> None:
    """Add a name, or change the reason of one.  Raises NameUnfit, ReasonMissing."""
    before = audit.stored(row) if row.pk else None
    row.name, row.reason = read_name(row.name), " ".join(row.reason.split())
    if not row.reason:
        raise ReasonMissing("Say why.")
    if before is None:
        row.added_by = actor
    row.save()
    audit.record(
        action=Action.DO_NOT_PROBE_SET,
        actor=actor,
        target=row,
        reason=row.reason,
        before=before,
        after=audit.snapshot(row),
    )


@transaction.atomic
def remove(*, row: DoNotProbe, actor: User) -> None:
    """Take a name off the list."""
    audit.record(action=Action.DO_NOT_PROBE_REMOVED, actor=actor, target=row, before=audit.stored(row))
    row.delete()
